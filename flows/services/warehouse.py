"""This module finds the warehouse: the configured server, or the embedded server, which it starts if necessary."""

from __future__ import annotations

from trailhouse.flows.settings import Settings
from trailhouse.server.process import ensure_running
from trailhouse.warehouse.connection import WarehouseAddress


def resolve_address(settings: Settings) -> WarehouseAddress:
    """Return the address of the configured warehouse. If no URL is configured, find or start the embedded server.

    Raises UsageError if the configured URL is malformed, and UnreachableError if the embedded server cannot start.
    """
    if settings.warehouse_url is not None:
        return WarehouseAddress.parse(
            settings.warehouse_url,
            settings.database,
            user=settings.warehouse_user,
            password=settings.warehouse_password.get_secret_value(),
            cluster=settings.cluster,
        )
    endpoint = ensure_running(settings.warehouse_directory, memory_limit_bytes=settings.warehouse_memory_bytes)
    return WarehouseAddress.parse(endpoint.url, settings.database, user=endpoint.user, password=endpoint.password)
