"""This module finds the warehouse: the configured server, or the embedded server, which it starts if necessary."""

from __future__ import annotations

from dataclasses import replace

from trailhouse.flows.settings import Settings
from trailhouse.server.access.credentials import Role, read_password
from trailhouse.server.process import ensure_running
from trailhouse.support.quoting import quote_identifier
from trailhouse.warehouse.connection import WarehouseAddress

MART_PREFIXES = ("fct_", "dim_")


def resolve_address(settings: Settings) -> WarehouseAddress:
    """Return the address of the configured warehouse. If no URL is configured, find or start the embedded server.

    The user of the address may write. What only reads uses ``resolve_reader_address``.

    Raises UsageError if the configured URL is malformed, and UnreachableError if the embedded server cannot start.
    """
    if settings.warehouse_url is not None:
        return parse_configured(settings, settings.warehouse_url)
    endpoint = ensure_running(
        settings.warehouse_directory,
        memory_limit_bytes=settings.warehouse_memory_bytes,
        published_tables=list_published_tables(settings),
    )
    return WarehouseAddress.parse(endpoint.url, settings.database, user=endpoint.user, password=endpoint.password)


def resolve_reader_address(settings: Settings) -> WarehouseAddress:
    """Return the address of the warehouse with a user who may only read. Raises the errors of ``resolve_address``.

    This user is the reader of the embedded server, or the configured ``reader_user``. If a URL is configured without
    the password of a reader, the user of ``resolve_address`` is returned, and the server is told with every statement
    that this user only reads.
    """
    address = resolve_address(settings)
    if settings.warehouse_url is None:
        password = read_password(settings.warehouse_directory, Role.READER)
        return replace(address, user=Role.READER.value, password=password)
    if password := settings.reader_password.get_secret_value():
        return replace(address, user=settings.reader_user, password=password)
    return replace(address, is_readonly=True)


def list_published_tables(settings: Settings) -> list[str]:
    """Return the tables that dashboards read, as patterns: the marts of the database that the settings name."""
    return [f"{quote_identifier(settings.database)}.{prefix}*" for prefix in MART_PREFIXES]


def parse_configured(settings: Settings, url: str) -> WarehouseAddress:
    """Return the address of the server at ``url``, with the user that the settings name."""
    return WarehouseAddress.parse(
        url,
        settings.database,
        user=settings.warehouse_user,
        password=settings.warehouse_password.get_secret_value(),
        cluster=settings.cluster,
    )
