"""UUIDs and keys that depend only on names, so that an asset has the same UUID and key on every machine."""

from __future__ import annotations

import json
import uuid

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/trailhouse/trailhouse/dashboards")


def make_uuid(*names: str) -> str:
    """Return the UUID of an asset, given its kind and names, for example ``chart``, ``overview``, ``model_count``."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(names)))


def make_key(prefix: str, *names: str) -> str:
    """Return ``prefix``, a hyphen and a hash of ``names``, for example ``ROW-3f2c1a9b0d`` for a row of a dashboard."""
    return f"{prefix}-{uuid.uuid5(NAMESPACE, json.dumps(names)).hex[:10]}"


def make_filter_key(folder_name: str, filter_name: str) -> str:
    """Return the key of a filter of a dashboard, given the name of the dashboard's folder."""
    return make_key("NATIVE_FILTER", folder_name, filter_name)
