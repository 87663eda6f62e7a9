"""Stable names: the same asset has the same UUID on every machine."""

from __future__ import annotations

import json
import uuid

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/trailhouse/trailhouse/dashboards")


def make_uuid(*names: str) -> str:
    """The UUID of the asset with this path of names, for example ``chart``, ``overview``, ``model_count``."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(names)))


def make_key(prefix: str, *names: str) -> str:
    """The key of a component within a dashboard, for example ``ROW-3f2c1a9b0d``."""
    return f"{prefix}-{uuid.uuid5(NAMESPACE, json.dumps(names)).hex[:10]}"
