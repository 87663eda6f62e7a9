"""The type of the compiled files that Superset imports, and of the parts of these files."""

from __future__ import annotations

from typing import Any

VERSION = "1.0.0"
"""The version of the files that Superset imports."""

Document = dict[str, Any]
"""A YAML or JSON mapping with Superset's own keys, such as a chart's file, its form or its query."""
