"""Canonical JSON: equal settings give the same text, so that the SHA-256 of the text can identify the settings."""

from __future__ import annotations

import json
from collections.abc import Mapping


def write_canonical_json(settings: Mapping[str, object]) -> str:
    """Return settings as JSON with sorted keys and no spaces."""
    return json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))
