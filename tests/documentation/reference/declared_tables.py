"""The raw tables with their comments, read from the text of the migrations without an engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from trailhouse.warehouse.schema.migrations import Migration

STRING = r"'((?:[^'\\]|\\.|'')*)'"
CREATE = re.compile(r"create table (?:if not exists )?(\w+) \((.*?)\n\s*\)\s*engine(.*)", re.DOTALL)
DROP = re.compile(r"drop table (?:if exists )?(\w+)")
ADD_COLUMN = re.compile(r"alter table (\w+) add column (?:if not exists )?(\w+) (.*)", re.DOTALL)
COMMENT_COLUMN = re.compile(rf"alter table (\w+) comment column (\w+) {STRING}", re.DOTALL)
COLUMN = re.compile(r"(\w+) (.*)", re.DOTALL)
AFTER = re.compile(r" after (\w+)$")
TYPE = re.compile(r"\w+(?:\((?:[^()]|\([^()]*\))*\))?")
COMMENT = re.compile(rf"\bcomment {STRING}")


@dataclass
class DeclaredColumn:
    """A column of a raw table with its type and its comment."""

    name: str
    data_type: str
    comment: str


@dataclass
class DeclaredTable:
    """A raw table with its comment and its columns."""

    name: str
    comment: str
    columns: list[DeclaredColumn] = field(default_factory=list)

    def find(self, name: str) -> int:
        """Return the index of a column."""
        return [column.name for column in self.columns].index(name)


def read_declared_tables(migrations: Sequence[Migration]) -> dict[str, DeclaredTable]:
    """Return the tables that are there after all migrations, by name.

    Raises ValueError if a statement declares nothing that this module understands and begins with create or alter.
    """
    tables: dict[str, DeclaredTable] = {}
    for statement in (statement for migration in migrations for statement in migration.statements):
        text = "\n".join(line for line in statement.splitlines() if not line.lstrip().startswith("--")).strip()
        if match := CREATE.match(text):
            name, columns, rest = match.groups()
            tables[name] = DeclaredTable(name, read_comment(rest), [read_column(one) for one in split(columns)])
        elif match := DROP.match(text):
            tables.pop(match.group(1), None)
        elif match := COMMENT_COLUMN.match(text):
            table = tables[match.group(1)]
            table.columns[table.find(match.group(2))].comment = unquote(match.group(3))
        elif match := ADD_COLUMN.match(text):
            add_column(tables[match.group(1)], match.group(2), match.group(3))
        elif text.startswith(("create", "alter")) and "modify column" not in text and "update" not in text:
            raise ValueError(text)
    return tables


def add_column(table: DeclaredTable, name: str, declaration: str) -> None:
    """Add a column that a later migration declares, after the column that it names."""
    column = read_column(f"{name} {declaration}")
    if column.name in [one.name for one in table.columns]:
        return
    after = AFTER.search(declaration)
    table.columns.insert(table.find(after.group(1)) + 1 if after else len(table.columns), column)


def read_column(declaration: str) -> DeclaredColumn:
    """Return the column that a line of ``create table`` declares."""
    match = COLUMN.match(declaration.strip())
    assert match, declaration
    data_type = TYPE.match(match.group(2))
    assert data_type, declaration
    return DeclaredColumn(match.group(1), data_type.group(), read_comment(declaration))


def read_comment(declaration: str) -> str:
    """Return the last comment in a declaration."""
    found = COMMENT.findall(declaration)
    return unquote(found[-1]) if found else ""


def unquote(text: str) -> str:
    """Return the text in a string literal of SQL."""
    return re.sub(r"\\(.)", r"\1", text.replace("''", "'"))


def split(columns: str) -> list[str]:
    """Return the declarations of the columns, which stand on lines of their own."""
    lines = [line.strip().removesuffix(",") for line in columns.splitlines()]
    return [line for line in lines if line]
