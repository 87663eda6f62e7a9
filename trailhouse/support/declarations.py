"""This module reads YAML declarations into pydantic models. Every error names the file, line and field of the mistake.

Each model derives from ``Declaration``. A model's validators check rules that types cannot express, and raise
``mistake(...)`` if a rule is broken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from trailhouse.errors import BadInputError
from trailhouse.support.wording import suggest

MAXIMUM_DECLARATION_BYTES = 1 << 20
MAXIMUM_DEPTH = 32
MAXIMUM_NODES = 100_000
"""Maximum number of values in a file. A value counts again each time that a YAML alias repeats it."""
MAXIMUM_INTEGER = 2**63 - 1
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
Explanation = tuple[str, str]  # the problem, and a hint what to do


class Declaration(BaseModel):
    """Base class of pydantic models for YAML declarations. Unknown fields are refused.

    Values are not converted, so "12" is not a number. YAML lists are read as tuples, so a field that holds a list must
    have the type ``tuple[X, ...]``.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, content: object) -> object:
        known = list_field_names(cls)
        for field in content if isinstance(content, dict) else ():
            if field not in known:
                raise unknown_field(field, known)
        return content


def list_field_names(model: type[BaseModel]) -> set[str]:
    """Return the names of a model's fields as they are written in YAML."""
    return {info.alias or name for name, info in model.model_fields.items()}


def mistake(problem: str, hint: str, *field: str | int) -> PydanticCustomError:
    """Return an error about a declaration, which a pydantic validator can raise.

    ``field`` is the path to the wrong field within the validated value; empty if the whole value is wrong.
    """
    return PydanticCustomError("mistake", "{problem}", {"problem": problem, "hint": hint, "field": field})


def unknown_field(field: str, known: set[str]) -> PydanticCustomError:
    """Return the error about a field whose name is not in ``known``."""
    advice = suggest(field, known) or "remove it; "
    return mistake("this field is not known", f"{advice}known are {', '.join(sorted(known))}", field)


def _check_name(name: str) -> str:
    if not NAME_PATTERN.fullmatch(name):
        hint = "use letters, digits, dots, hyphens and underscores, a letter or digit first"
        raise mistake(f"{name!r} is no name", hint)
    return name


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[Text, AfterValidator(_check_name)]
"""A text that can be part of an identifier and of a path."""
Count = Annotated[int, Field(ge=0)]
PositiveCount = Annotated[int, Field(ge=1)]


def read_declaration(path: Path, model: type[Model]) -> Model:
    """Read a YAML file and return its content as an instance of ``model``.

    Raises BadInputError "FILE, line N, FIELD: problem" about the first mistake. A mistake is that the file cannot be
    read, is too large or is not YAML, or that one of its fields is unknown, missing, repeated or wrong.
    """
    return parse_declaration(path, read_declaration_text(path), model)


def parse_declaration(
    path: Path, text: str, model: type[Model], *, heirs: str = "", shared: str = "", added: Collection[str] = ()
) -> Model:
    """Parse a YAML text and return its content as an instance of ``model``. Errors name the file ``path``.

    ``heirs`` names a top-level field that holds a list of mappings. ``shared`` names a top-level field that holds one
    mapping, with default values for the mappings of the list. ``added`` names fields that hold lists: if both a
    mapping of the list and the shared mapping have such a field, the shared entries are added after the mapping's own
    entries. Raises BadInputError like ``read_declaration``.
    """
    root = _compose(path, text)
    _inherit(root, heirs, shared, added)
    content = _ContentBuilder(path).build(root, ())
    try:
        return model.model_validate(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        (problem, hint), location, field = _explain(first)
        raise _fail(path, *_find_field(root, location, field), problem, hint) from error


def read_declaration_text(path: Path) -> str:
    """Return the text of a file. Raises BadInputError if the file cannot be read, exceeds 1 MiB or is not UTF-8."""
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


def _compose(path: Path, text: str) -> yaml.Node | None:
    """Parse a text to YAML nodes. Each node has its line number, which error messages need.

    PyYAML's C parser would be faster, but it crashes the process if lists are nested deeply.
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or "characters that YAML does not allow"
        raise BadInputError(f"{path}{line}: not valid YAML: {problem}", "correct the line") from error
    except RecursionError as error:
        raise BadInputError(f"{path}: nested too deeply", "write a plain declaration") from error


def _inherit(root: yaml.Node | None, heirs: str, shared: str, added: Collection[str]) -> None:
    fields = _list_fields(root) if isinstance(root, yaml.MappingNode) else {}
    entries, inherited = fields.get(heirs), fields.get(shared)
    if not isinstance(entries, yaml.SequenceNode) or not isinstance(inherited, yaml.MappingNode):
        return
    shared_fields = _list_fields(inherited)
    for entry in entries.value:
        if isinstance(entry, yaml.MappingNode):
            own = _list_fields(entry)
            new = [pair for pair in inherited.value if pair[0].value not in own]
            entry.value = [*(_add_shared(pair, shared_fields, added) for pair in entry.value), *new]


def _add_shared(
    pair: tuple[yaml.Node, yaml.Node], shared_fields: Mapping[str, yaml.Node], added: Collection[str]
) -> tuple[yaml.Node, yaml.Node]:
    """Return a field and its value. If the field is one of ``added``, the shared entries follow its own entries."""
    key, own = pair
    shared = shared_fields.get(key.value) if isinstance(key, yaml.ScalarNode) and key.value in added else None
    if not isinstance(own, yaml.SequenceNode) or not isinstance(shared, yaml.SequenceNode):
        return pair
    return key, yaml.SequenceNode(own.tag, [*own.value, *shared.value], own.start_mark, own.end_mark)


class _ContentBuilder:
    """Converts YAML nodes to dictionaries, tuples and scalars.

    Refuses files that have more than MAXIMUM_NODES nodes or are nested deeper than MAXIMUM_DEPTH.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._node_count = 0

    def build(self, node: yaml.Node | None, location: Location) -> object:
        self._node_count += 1
        if len(location) > MAXIMUM_DEPTH or self._node_count > MAXIMUM_NODES:
            line = 1 if node is None else node.start_mark.line + 1
            raise _fail(self._path, line, "", "nested too deeply or repeated too often", "write a plain declaration")
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node, location)
            return {key: self.build(value, (*location, key)) for key, value in _list_fields(node).items()}
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.build(item, (*location, index)) for index, item in enumerate(node.value))
        return None if node is None else _read_scalar(node)

    def _check_keys(self, node: yaml.MappingNode, location: Location) -> None:
        seen = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _fail(
                    self._path, line, _name_field(location), "a field name must be plain text", "correct the name"
                )
            if key.value in seen:
                field = _name_field((*location, key.value))
                raise _fail(self._path, line, field, "this field occurs twice", "remove one of the two")
            seen.add(key.value)


def _list_fields(node: yaml.MappingNode, depth: int = 0) -> dict[str, yaml.Node]:
    """Return the values of a mapping by key, including values from a merge key (``<<: *other``)."""
    fields: dict[str, yaml.Node] = {}
    merged = None
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge" and isinstance(value, yaml.MappingNode):
            merged = value
        elif isinstance(key, yaml.ScalarNode):
            fields[key.value] = value
    if merged is None or depth > MAXIMUM_DEPTH:
        return fields
    return {**_list_fields(merged, depth + 1), **fields}


def _read_scalar(node: yaml.Node) -> str | int | float | bool | None:
    """Return the value of a scalar: a plain decimal number, a boolean or None. Any other scalar is returned as text."""
    text, kind = str(node.value), node.tag.rpartition(":")[2]
    if getattr(node, "style", None):
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return BOOLEANS.get(text.lower(), text)
    if kind == "int" and re.fullmatch(r"[-+]?\d[\d_]{0,30}", text) and abs(int(text)) <= MAXIMUM_INTEGER:
        return int(text)
    if kind == "float" and re.fullmatch(r"[-+]?[\d_]*\.?[\d_]*(e[-+]?\d+)?", text, re.IGNORECASE):
        return float(text.replace("_", ""))
    return text


def _explain(error: ErrorDetails) -> tuple[Explanation, Location, Location]:
    """Return the explanation of a pydantic error (problem and hint), and two paths in pydantic's notation.

    The first path leads from the document to the value that pydantic refused, such as ``("models", 0)``. The second
    path leads from this value to the wrong field inside it, such as ``("seed",)``. It is empty if the whole value is
    wrong.
    """
    location, context = error["loc"], error.get("ctx", {})
    if error["type"] == "mistake":
        return (context["problem"], context["hint"]), location, context["field"]
    if error["type"] == "missing":
        return ("this field is missing", "add it"), location[:-1], location[-1:]
    if error["type"] == "union_tag_not_found" and context["discriminator"].startswith("'"):
        return ("this field is missing", "add it"), location, (context["discriminator"].strip("'"),)
    if error["type"] == "union_tag_invalid":
        explanation = (f"{context['tag']!r} is not known", f"use one of {context['expected_tags']}")
        return explanation, location, (context["discriminator"].strip("'"),)
    return _explain_value(error), location, ()


def _explain_value(error: ErrorDetails) -> Explanation:
    context = error.get("ctx", {})
    number = "a whole number" if isinstance(error["input"], int) else "a number"
    explanations: dict[str, Explanation] = {
        "string_type": ("a text is expected here", "write it as text, in quotation marks if need be"),
        "string_too_short": ("a text is expected here", "write it as text, in quotation marks if need be"),
        "int_type": ("a whole number is expected here", "correct the number"),
        "float_type": ("a number is expected here", "correct the number"),
        "greater_than_equal": (f"{number} of at least {context.get('ge')} is expected here", "correct the number"),
        "less_than_equal": (f"{number} of at most {context.get('le')} is expected here", "correct the number"),
        "bool_type": ("true or false is expected here", "write one of the two"),
        "literal_error": (f"{error['input']!r} is not known", f"use one of {context.get('expected')}"),
        "tuple_type": ("a list is expected here", "write it as a YAML list"),
        "too_short": (f"the number of entries must be at least {context.get('min_length')}", "add what is missing"),
        "model_type": ("fields with values are expected here", "write `field: value` lines"),
        "model_attributes_type": ("fields with values are expected here", "write `field: value` lines"),
        "dict_type": ("fields with values are expected here", "write `field: value` lines"),
    }
    return explanations.get(error["type"], (error["msg"].removeprefix("Value error, "), "correct the value"))


def _find_field(root: yaml.Node | None, location: Location, field: Location) -> tuple[int, str]:
    """Return the line number and the full name of the field whose path is ``location`` followed by ``field``.

    If the field is missing, the line number is the line of the mapping that lacks the field.

    Pydantic adds labels for the members of a union to ``location``. These labels are skipped, because no YAML node
    belongs to them.
    """
    node, found = root, []
    for part in location:
        child = _get_child(node, part)
        if child is not None:
            node = child
            found.append(part)
    for part in field:
        node = _get_child(node, part) or node
    return 1 if node is None else node.start_mark.line + 1, _name_field((*found, *field))


def _get_child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return _list_fields(node).get(str(part))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child if isinstance(child, yaml.Node) else None
    return None


def _name_field(location: Location) -> str:
    names = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return names.removeprefix(".")


def _fail(path: Path, line: int, field: str, problem: str, hint: str) -> BadInputError:
    return BadInputError(
        f"{path}, line {line}, {field}: {problem}" if field else f"{path}, line {line}: {problem}", hint
    )


def make_name(path: Path, noun: str, hint: str) -> str:
    """Return a name for a suite, model or corpus, as ``noun`` says, that is made from the name of a file or directory.

    Raises BadInputError with ``hint`` if the name of the path has no letter or digit.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).lstrip("._-")
    if not NAME_PATTERN.fullmatch(name):
        raise BadInputError(f"{path}: its name has no letter or digit to name a {noun} by", hint)
    return name
