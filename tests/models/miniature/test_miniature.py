from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
import torch

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources.local import locate_checkpoints
from trailhouse.models.checkpoints.suite import find_suite, packaged_suites_directory
from trailhouse.models.miniature import is_suite_trained, miniature_corpus, train_miniature_suite
from trailhouse.models.miniature import text as text_module
from trailhouse.models.miniature import training as training_module
from trailhouse.models.miniature.text import clean_text, gather_docstrings, split_documentation
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenizer import load_tokenizer, tokenize_corpus

REDUCED = find_suite("miniature-reduced", [packaged_suites_directory()])


@pytest.fixture(scope="module")
def checkpoints(reduced_suite_directory):
    return {
        model.model_name: locate_checkpoints(REDUCED, model, reduced_suite_directory / model.location)
        .list_checkpoints()
        .checkpoints
        for model in REDUCED.models
    }


@pytest.fixture(scope="module")
def losses(checkpoints):
    """Validation loss in nats a token, by model and step."""
    tokenizer = load_tokenizer(checkpoints["neox-small"][0].directory)
    corpus = tokenize_corpus(tokenizer, miniature_corpus())
    return {name: {c.step: measure_loss(c, corpus) for c in found} for name, found in checkpoints.items()}


def measure_loss(checkpoint, corpus) -> float:
    settings = ScoringSettings()
    batches = score_corpus(load_model(checkpoint.directory, settings), corpus, settings)
    quanta = np.concatenate([batch.column("log_prob_quanta").to_numpy() for batch in batches])
    assert len(quanta) == corpus.position_count
    return float(-restore_log_probs(quanta, settings.quanta_per_nat).mean())


def test_every_declared_checkpoint_is_there_and_all_share_a_tokenizer(checkpoints):
    for model in REDUCED.models:
        steps = [checkpoint.step for checkpoint in checkpoints[model.model_name]]
        assert steps == list(model.recipe.checkpoint_steps)
    assert len({checkpoint.tokenizer_id for found in checkpoints.values() for checkpoint in found}) == 1
    assert len({checkpoint.weights_sha256 for found in checkpoints.values() for checkpoint in found}) == 18


def test_validation_loss_falls_from_checkpoint_to_checkpoint(losses):
    for by_step in losses.values():
        assert all(later < earlier for earlier, later in itertools.pairwise(by_step.values()))
        assert list(by_step.values())[-1] < by_step[0] - 1.5


def test_validation_perplexity_falls_with_size(losses):
    final = [losses[model.model_name][model.planned_steps] for model in REDUCED.models]
    assert final == sorted(final, reverse=True)
    assert all(larger < smaller - 0.02 for smaller, larger in itertools.pairwise(final))


def test_a_finished_suite_is_not_trained_again(reduced_suite_directory, monkeypatch):
    monkeypatch.setattr(training_module, "_train_models", lambda *_: pytest.fail("trained again"))
    directory = reduced_suite_directory / "miniature-reduced"
    train_miniature_suite(directory, size="reduced")
    assert is_suite_trained(REDUCED, directory)


def test_a_killed_training_is_started_again_and_ends_with_the_same_weights(
    tmp_path, monkeypatch, checkpoints, reduced_suite_directory
):
    """Only the smallest model is trained, stopped after a checkpoint, and trained again with the same seed."""
    smallest = REDUCED.models[0]
    threads = torch.get_num_threads()

    def stop_soon(event):
        if event.step == 20:
            raise KeyboardInterrupt

    def train(progress):
        training_module._train_models(tmp_path, [smallest], progress)

    with pytest.raises(KeyboardInterrupt):
        train(stop_soon)
    assert torch.get_num_threads() == threads
    assert not training_module.is_model_trained(tmp_path / smallest.model_name, smallest)
    partial = sorted(path.name for path in (tmp_path / smallest.model_name).iterdir())
    assert partial == ["step-0", "step-8"]
    train(lambda _: None)
    assert training_module.is_model_trained(tmp_path / smallest.model_name, smallest)
    for checkpoint in checkpoints[smallest.model_name]:
        again = tmp_path / smallest.model_name / checkpoint.directory.name / "model.safetensors"
        assert again.read_bytes() == (checkpoint.directory / "model.safetensors").read_bytes()


def test_two_processes_do_not_train_into_one_directory(tmp_path, monkeypatch):
    order = []
    started = threading.Event()

    def train_slowly(directory, models, progress):
        order.append("begin")
        started.set()
        threading.Event().wait(0.3)
        order.append("end")

    monkeypatch.setattr(training_module, "_train_models", train_slowly)
    threads = [threading.Thread(target=train_miniature_suite, args=(tmp_path,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == ["begin", "end", "begin", "end"]


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match=r"file.*cannot be written"):
        train_miniature_suite(tmp_path / "file", size="reduced")


def test_no_paragraph_of_the_validation_text_was_trained_on():
    split = split_documentation()
    validation = {paragraph for unit in split.validation for paragraph in unit.text.split("\n\n")}
    training = {paragraph for unit in split.training for paragraph in unit.text.split("\n\n")}
    assert not {unit.name for unit in split.validation} & {unit.name for unit in split.training}
    truncated_at_most = len(split.validation)
    assert len(validation & training) <= truncated_at_most
    assert not {paragraph for paragraph in validation & training if len(paragraph) > 200}


def test_the_validation_corpus_fills_the_context_of_the_models():
    corpus = miniature_corpus()
    assert corpus.corpus_id == "python-docs-validation"
    assert 60 <= len(corpus.documents) <= 100
    assert min(len(document.text) for document in corpus.documents) > 700
    assert len({document.document_name for document in corpus.documents}) == len(corpus.documents)


def test_docstrings_are_read_in_order_and_nothing_is_run(tmp_path):
    (tmp_path / "module.py").write_text(
        '"""Documentation of a whole module here."""\nraise SystemExit("imported")\n'
        'class A:\n    """A class that is documented well."""\n'
        '    def f(self):\n        """\n        A method with  indentation, of five words.\n\n\n\n'
        '        And more.\n        """\n'
        'def g():\n    """Too short."""\n'
    )
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "t.py").write_text('"""A test that is not part of it."""')
    (tmp_path / "broken.py").write_text("def (")
    units = list(gather_docstrings(tmp_path))
    assert [(unit.name, unit.text) for unit in units] == [
        (
            "module",
            "Documentation of a whole module here.\n\nA class that is documented well.\n\n"
            "A method with  indentation, of five words.\n\nAnd more.",
        )
    ]


def test_rules_of_punctuation_are_removed():
    assert clean_text("Title\n*****\n\nBody  \n    -----\n... text") == "Title\n\nBody\n... text"


def test_an_installation_without_documentation_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(text_module.sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(BadInputError, match="carries too little documentation"):
        split_documentation.__wrapped__()
