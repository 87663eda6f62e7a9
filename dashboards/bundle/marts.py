"""Read the marts and their columns from the YAML files of the dbt project, without needing a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from trailhouse.errors import BadInputError

DOCS_BLOCK = re.compile(r"{%\s*docs\s+(\w+)\s*%}(.*?){%\s*enddocs\s*%}", re.DOTALL)
DOCS_REFERENCE = re.compile(r"{{\s*doc\(\s*['\"](\w+)['\"]\s*\)\s*}}")

SHARES = re.compile(
    r"(share|accuracy_ratio|improvement_ratio|fraction_of_training)(_lower|_upper)?$|accuracy_(lower|upper)$"
)
"""Matches the names of columns whose numbers are shown in percent."""


@dataclass(frozen=True)
class Column:
    """A column of a mart, with its ClickHouse type and its description."""

    name: str
    data_type: str
    description: str

    @property
    def is_temporal(self) -> bool:
        """Whether the column holds dates or times."""
        return re.match(r"(Nullable\(|LowCardinality\()*Date", self.data_type) is not None

    @property
    def number_format(self) -> str | None:
        """The d3 format of the column's numbers; None if the column does not hold numbers."""
        if re.search(r"\bU?Int\d+\b", self.data_type):
            return ".3~s" if self.name.endswith("_bytes") else ",d"
        if re.search(r"\bFloat\d+\b", self.data_type):
            if self.name.endswith("p_value"):
                return ".2~g"
            return ".1%" if SHARES.search(self.name) else ".4~r"
        return None

    @property
    def label(self) -> str:
        """The column's name for readers: ``Model`` for ``model_id``, ``Token share`` for ``token_share``."""
        words = self.name.removesuffix("_id").replace("_", " ").replace("null share", "share by chance")
        return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Mart:
    """A mart with its description and its columns. ``columns`` maps names to columns, in the order of the mart."""

    name: str
    description: str
    columns: dict[str, Column]


def read_marts(dbt_models: Path) -> dict[str, Mart]:
    """Return the marts of a dbt project, by name. ``dbt_models`` is the project's ``models`` directory.

    A mart is a model in ``marts/`` that has both an SQL file and a YAML description. Raises BadInputError if a
    description refers to a docs block that does not exist.
    """
    texts = {
        name: " ".join(text.split())
        for file in sorted((dbt_models / "_docs").glob("*.md"))
        for name, text in DOCS_BLOCK.findall(file.read_text(encoding="utf-8"))
    }
    marts = {}
    for file in sorted((dbt_models / "marts").rglob("*.yml")):
        for model in yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader).get("models", []):
            if file.with_name(f"{model['name']}.sql").is_file():
                columns = [
                    Column(column["name"], column["data_type"], resolve_description(column["description"], texts, file))
                    for column in model["columns"]
                ]
                marts[model["name"]] = Mart(
                    model["name"],
                    resolve_description(model["description"], texts, file),
                    {column.name: column for column in columns},
                )
    return marts


def resolve_description(description: str, texts: dict[str, str], file: Path) -> str:
    """Return a description on one line. Each ``{{ doc(NAME) }}`` is replaced by the docs block NAME."""

    def find_text(reference: re.Match[str]) -> str:
        try:
            return texts[reference.group(1)]
        except KeyError:
            raise BadInputError(
                f"{file}: there is no docs block {reference.group(1)!r}", "write it in dbt/models/_docs"
            ) from None

    return " ".join(DOCS_REFERENCE.sub(find_text, description).split())
