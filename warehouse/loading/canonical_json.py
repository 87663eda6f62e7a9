"""Canonical JSON: one text for equal settings, so that their SHA-256 can be part of a key."""

from __future__ import annotations

import json
from collections.abc import Mapping


def write_canonical_json(settings: Mapping[str, object]) -> str:
    """Return settings as JSON with sorted keys and no spaces."""
    return json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))
