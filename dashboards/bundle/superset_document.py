"""The type of what this folder compiles: files that Superset imports, and parts of them."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
"""A YAML or JSON mapping with Superset's own keys, such as a chart's file, its form or its query."""
