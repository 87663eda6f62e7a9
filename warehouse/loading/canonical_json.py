"""This module writes settings as canonical JSON.

Equal settings give equal text, so that the SHA-256 of the text identifies the settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping


def write_canonical_json(settings: Mapping[str, object]) -> str:
    """Return settings as JSON with sorted keys and no spaces."""
    return json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))
