"""Reading a YAML declaration so that every mistake is reported with its file, line and field.

Owns the mapping from YAML nodes to checked Python values; knows nothing of suites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import yaml

from trailhouse.errors import BadInputError

MAXIMUM_DECLARATION_BYTES = 1 << 20
MAXIMUM_RANGE_NUMBERS = 100_000
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MAXIMUM_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class DeclarationMapping:
    """One mapping of a YAML file: its values by key, each with the line it stands on."""

    path: Path
    line: int
    field: str
    nodes: dict[str, yaml.Node]

    def fail(self, key: str, problem: str, hint: str) -> BadInputError:
        """Return the error for one key, to be raised by the caller."""
        node = self.nodes.get(key)
        line = self.line if node is None else node.start_mark.line + 1
        return BadInputError(f"{self.path}, line {line}, {self._name_field(key)}: {problem}", hint)

    def refuse_unknown(self, known: set[str]) -> None:
        """Raise BadInputError for the first key that is not one of ``known``."""
        for key in self.nodes:
            if key not in known:
                raise self.fail(key, "this field is not known", f"remove it; known are {_enumerate(known)}")

    def read_text(self, key: str, default: str | None = None) -> str:
        """Return a non-empty text."""
        node = self._find(key, required=default is None)
        if node is None:
            return default or ""
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str" or not node.value.strip():
            raise self.fail(key, "a text is expected here", "write it as text, in quotation marks if need be")
        return str(node.value).strip()

    def read_name(self, key: str) -> str:
        """Return a text that can be part of an identifier and of a path."""
        name = self.read_text(key)
        if not NAME_PATTERN.fullmatch(name):
            raise self.fail(
                key,
                f"{name!r} is no name",
                "use letters, digits, dots, hyphens and underscores, a letter or digit first",
            )
        return name

    def read_choice(self, key: str, choices: set[str]) -> str:
        """Return a text that is one of ``choices``."""
        value = self.read_text(key)
        if value not in choices:
            raise self.fail(key, f"{value!r} is not known", f"use one of {_enumerate(choices)}")
        return value

    def read_integer(self, key: str, minimum: int) -> int:
        """Return a whole number of at least ``minimum``."""
        node = self._find(key, required=True)
        assert node is not None
        return self._convert_integer(key, node, minimum)

    def read_optional_integer(self, key: str, minimum: int) -> int | None:
        """Return a whole number of at least ``minimum``, or None where the key is absent or null."""
        node = self._find(key, required=False)
        if node is None or node.tag == "tag:yaml.org,2002:null":
            return None
        return self._convert_integer(key, node, minimum)

    def read_integers(self, key: str, minimum: int) -> tuple[int, ...]:
        """Return a list of strictly increasing whole numbers."""
        items = self._read_sequence(key)
        values = tuple(self._convert_integer(key, item, minimum) for item in items)
        if any(left >= right for left, right in pairwise(values)):
            raise self.fail(key, "the numbers do not increase", "write each number once, in increasing order")
        return values

    def read_flag(self, key: str) -> bool:
        """Return true or false; false where the key is absent."""
        node = self._find(key, required=False)
        if node is None:
            return False
        if node.tag != "tag:yaml.org,2002:bool":
            raise self.fail(key, "true or false is expected here", "write one of the two")
        return str(node.value).lower() in ("true", "yes", "on")

    def read_number_grid(self, key: str, minimum: int) -> tuple[int, ...]:
        """Return the numbers of a list of whole numbers and ranges ``{from: a, to: b, every: c}``, b included.

        They are sorted and distinct; none where the key is absent.
        """
        if key not in self.nodes:
            return ()
        numbers: set[int] = set()
        for index, item in enumerate(self._read_sequence(key)):
            if isinstance(item, yaml.MappingNode):
                span = _read_mapping(self.path, item, f"{self._name_field(key)}[{index}]")
                span.refuse_unknown({"from", "to", "every"})
                first, every = span.read_integer("from", minimum), span.read_integer("every", 1)
                last = span.read_integer("to", first)
                if (last - first) // every > MAXIMUM_RANGE_NUMBERS:
                    raise span.fail("every", f"gives more than {MAXIMUM_RANGE_NUMBERS} numbers", "use a larger number")
                numbers.update(range(first, last + 1, every))
            else:
                numbers.add(self._convert_integer(key, item, minimum))
        return tuple(sorted(numbers))

    def read_optional_mappings(self, key: str) -> Iterator[DeclarationMapping]:
        """Yield the mappings of a list; none where the key is absent."""
        if key in self.nodes:
            yield from self.read_mappings(key)

    def read_optional_mapping(self, key: str) -> DeclarationMapping | None:
        """Return the mapping below a key, or None where the key is absent."""
        return _read_mapping(self.path, self.nodes[key], self._name_field(key)) if key in self.nodes else None

    def inherit(self, shared: DeclarationMapping | None) -> DeclarationMapping:
        """Return this mapping with the fields of ``shared`` that it does not state itself."""
        return self if shared is None else replace(self, nodes={**shared.nodes, **self.nodes})

    def read_mappings(self, key: str) -> Iterator[DeclarationMapping]:
        """Yield the mappings of a non-empty list."""
        for index, item in enumerate(self._read_sequence(key)):
            yield _read_mapping(self.path, item, f"{self._name_field(key)}[{index}]")

    def _find(self, key: str, *, required: bool) -> yaml.Node | None:
        node = self.nodes.get(key)
        if node is None and required:
            raise self.fail(key, "this field is missing", "add it")
        return node

    def _read_sequence(self, key: str) -> list[yaml.Node]:
        node = self._find(key, required=True)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.fail(key, "a list with at least one entry is expected here", "write it as a YAML list")
        return list(node.value)

    def _convert_integer(self, key: str, node: yaml.Node, minimum: int) -> int:
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"[-+]?\d[\d_]{0,30}", node.value) and not node.style:
            value = int(node.value)
            if minimum <= value <= MAXIMUM_INTEGER:
                return value
        raise self.fail(key, f"a whole number of at least {minimum} is expected here", "correct the number")

    def _name_field(self, key: str) -> str:
        return f"{self.field}.{key}" if self.field else key


def read_declaration(path: Path) -> tuple[str, DeclarationMapping]:
    """Return the text of a YAML file and its top mapping.

    Errors: BadInputError where the file cannot be read, is not UTF-8, not YAML or not a mapping.
    """
    text = read_declaration_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or "characters that YAML does not allow"
        raise BadInputError(f"{path}{line}: not valid YAML: {problem}", "correct the line") from error
    except RecursionError as error:
        raise BadInputError(f"{path}: nested too deeply", "write a plain declaration") from error
    return text, _read_mapping(path, node, "")


def read_declaration_text(path: Path) -> str:
    """Return the text of a declaration; BadInputError where it cannot be read, is too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_DECLARATION_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the path and permissions") from error
    if len(content) > MAXIMUM_DECLARATION_BYTES:
        raise BadInputError(f"{path}: larger than 1 MiB", "a declaration is a short YAML file; check the path")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInputError(f"{path}, line {line}: not UTF-8", "save the file as UTF-8") from error


def _read_mapping(path: Path, node: yaml.Node | None, field: str) -> DeclarationMapping:
    line = 1 if node is None else node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        place = f"{field}: " if field else ""
        raise BadInputError(
            f"{path}, line {line}: {place}fields with values are expected here", "write `field: value` lines"
        )
    nodes: dict[str, yaml.Node] = {}
    for key, value in node.value:
        key_line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise BadInputError(f"{path}, line {key_line}: a field name must be plain text", "correct the name")
        if key.value in nodes:
            raise BadInputError(
                f"{path}, line {key_line}, {key.value}: this field occurs twice", "remove one of the two"
            )
        nodes[key.value] = value
    return DeclarationMapping(path, line, field, nodes)


def _enumerate(names: set[str]) -> str:
    return ", ".join(sorted(names))
