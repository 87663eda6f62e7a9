"""The page of settings."""

from __future__ import annotations

import types
import typing
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tests.documentation.reference.markdown import write_introduction, write_table, write_text
from trailhouse.flows.settings import CONFIGURATION_FILE, ENVIRONMENT_PREFIX, Settings

INTRODUCTION = f"""\
A setting comes from the first of these that has a value: the option of a command, the environment variable, the file
`{CONFIGURATION_FILE}` in the present directory, the default. The key in the file is the name of the setting.
`trailhouse config show --origin` shows every value and where it comes from; passwords stay hidden.

    # {CONFIGURATION_FILE}
    data_directory = "/srv/trailhouse"
    warehouse_memory_gib = 8
"""


def write_settings_page() -> str:
    """Return the page of settings, from the fields of ``Settings``."""
    rows = [
        (
            f"`{name}`",
            f"`{ENVIRONMENT_PREFIX}{name.upper()}`",
            describe_type(field.annotation),
            describe_default(field),
            write_text(field.description or ""),
        )
        for name, field in Settings.model_fields.items()
    ]
    columns = ("setting", "environment variable", "type", "default", "meaning")
    return f"{write_introduction('Settings', INTRODUCTION)}\n{write_table(columns, rows)}"


def describe_type(annotation: object) -> str:
    """Return a type in words."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(f"`{value}`" for value in arguments)
    if isinstance(annotation, types.UnionType):
        return " or ".join(describe_type(one) for one in arguments if one is not type(None))
    words = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Path: "path",
        SecretStr: "secret",
    }
    return words[typing.cast(type, annotation)]


def describe_default(field: FieldInfo) -> str:
    """Return the default of a setting as it would be written; nothing for an empty one."""
    value = field.default
    if value is None or value == "" or isinstance(value, SecretStr):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
