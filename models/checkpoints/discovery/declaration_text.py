"""This module writes the YAML declaration of a suite whose models were found in a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.models.checkpoints.discovery.found_models import DECLARATION_HINT, FoundModel
from trailhouse.models.checkpoints.discovery.training_facts import Fact
from trailhouse.support.declarations import make_name

# Characters that YAML does not print or takes for line breaks, and bytes of a file name that are not UTF-8
_BREAKING = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class DescribedModel:
    """A found model, and how it was trained."""

    found: FoundModel
    batch_tokens: Fact
    planned_steps: Fact
    context_length: Fact
    """Sequence length in tokens."""
    seed: Fact | None

    @property
    def name(self) -> str:
        """The name of the model's directory, with other characters than those of names replaced."""
        return make_name(self.found.directory, "model", DECLARATION_HINT)


def write_declaration(suite_id: str, directory: Path, models: Sequence[DescribedModel]) -> str:
    """Return the YAML declaration of a suite. Its comments say where each value comes from."""
    lines = [
        f"# Written by `trailhouse suite add` from {quote(str(directory))}. The comments say where a value comes from.",
        "# Correct what is wrong.",
        f"suite: {quote(suite_id)}",
        f"description: {quote(f'The checkpoints in {directory}')}",
        "source: folder",
        "models:",
    ]
    for model in models:
        lines += _declare_model(model)
    return "\n".join(lines) + "\n"


def _declare_model(model: DescribedModel) -> list[str]:
    found = model.found
    steps = list(found.checkpoints)
    count = f"{len(steps)} checkpoint{'' if len(steps) == 1 else 's'}, steps {steps[0]} to {steps[-1]}"
    fields: list[tuple[str, str, str]] = [
        ("location", quote(str(found.directory)), ""),
        ("step_pattern", quote(found.step_pattern), f"matches {count}, when this file was written"),
        *(
            (name, str(fact.value), fact.origin)
            for name, fact in (
                ("batch_tokens", model.batch_tokens),
                ("planned_steps", model.planned_steps),
                ("context_length", model.context_length),
                ("seed", model.seed),
            )
            if fact is not None
        ),
    ]
    if found.is_pickled:
        fields.append(("allow_pickle", "true", "weights are in .bin files, from which only tensors are read"))
    comments = [f"  # {quote(comment)[1:-1]}" if comment else "" for _, _, comment in fields]
    lines = [f"    {name}: {value}{comment}" for (name, value, _), comment in zip(fields, comments, strict=True)]
    return [f"  - name: {quote(model.name)}", *lines]


def quote(text: str) -> str:
    """Return a text as a quoted value of YAML, on one line. Characters that YAML takes for line breaks are escaped."""
    return _BREAKING.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
