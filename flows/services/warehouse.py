"""This module finds the warehouse: the configured server, or the embedded server.

The embedded server is started if it does not run, and gets its tables if it has none. On a configured server, only
``trailhouse init`` makes the tables.
"""

from __future__ import annotations

from dataclasses import replace

from filelock import FileLock

from trailhouse.flows.settings import Settings
from trailhouse.server.access.credentials import Role, read_password
from trailhouse.server.process import ensure_running
from trailhouse.support.progress import report_note
from trailhouse.support.quoting import quote_identifier
from trailhouse.support.secrets import OWNER_ONLY
from trailhouse.warehouse.connection import WarehouseAddress
from trailhouse.warehouse.schema.initialisation import initialise, is_schema_missing
from trailhouse.warehouse.schema.migrations import packaged_migrations, read_migrations

MART_PREFIXES = ("fct_", "dim_")


def resolve_address(settings: Settings) -> WarehouseAddress:
    """Return the address of a warehouse that is ready to be used, with a user who may write.

    What only reads uses ``resolve_reader_address``. The embedded warehouse gets its tables if it has none.

    Raises the errors of ``locate_warehouse``, and UsageError if a later version of Trailhouse made the embedded
    warehouse.
    """
    address = locate_warehouse(settings)
    if settings.warehouse_url is None:
        make_missing_schema(settings, address)
    return address


def locate_warehouse(settings: Settings) -> WarehouseAddress:
    """Return the address of the configured warehouse. If no URL is configured, find or start the embedded server.

    The tables are not looked at. Commands about the tables themselves, such as ``init`` and ``restore``, use this
    function; other commands use ``resolve_address``.

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


def make_missing_schema(settings: Settings, address: WarehouseAddress) -> None:
    """Make the tables of the embedded warehouse if they are missing, and tell the user where.

    A second command that comes at the same time waits until they are made. An earlier schema with rows is left to
    ``trailhouse init``. Raises UsageError if a later version of Trailhouse made the warehouse.
    """
    migrations = read_migrations(packaged_migrations())
    if not is_schema_missing(address, migrations):
        return
    with FileLock(settings.warehouse_directory / "schema.lock", mode=OWNER_ONLY):
        if is_schema_missing(address, migrations):
            initialise(address, migrations)
            report_note(f"made a new warehouse in {settings.warehouse_directory}")


def resolve_reader_address(settings: Settings) -> WarehouseAddress:
    """Return the address of a warehouse that is ready to be used, with a user who may only read.

    Raises the errors of ``resolve_address``.
    """
    return restrict_to_reading(settings, resolve_address(settings))


def restrict_to_reading(settings: Settings, address: WarehouseAddress) -> WarehouseAddress:
    """Return the address with a user who may only read.

    This user is the reader of the embedded server, or the configured ``reader_user``. If a URL is configured without
    the password of a reader, the user of ``address`` stays, and the server is told with every statement that this user
    only reads.
    """
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
