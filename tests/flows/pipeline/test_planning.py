"""What the pipeline reads of each checkpoint before it loads a model, for both kinds of work."""

from collections import Counter
from pathlib import Path


def test_the_configuration_of_a_checkpoint_is_read_once(kind, run_kind, make_tiny_suite, monkeypatch):
    from trailhouse.models.checkpoints import model_config

    suite = make_tiny_suite("configured", [0, 10, 20])
    reads: Counter[str] = Counter()
    read = model_config.AutoConfig.from_pretrained

    class CountingConfig:
        @staticmethod
        def from_pretrained(directory, **options):
            reads[Path(directory).name] += 1
            return read(directory, **options)

    monkeypatch.setattr(model_config, "AutoConfig", CountingConfig)
    code, report, err = run_kind(suite)
    assert (code, report[kind.count]) == (0, 3 * kind.unit_count), err
    assert len(reads) > 0
    assert max(reads.values()) == 1
