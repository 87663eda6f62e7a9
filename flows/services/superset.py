"""This module finds Superset at the configured URL. If no URL is configured, it finds or starts a local Superset."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.superset.installation import (
    ADMIN_USER,
    SupersetInstallation,
    describe_embedded_warehouse,
    describe_warehouse_server,
)
from trailhouse.dashboards.superset.superset_process import ensure_superset, find_superset
from trailhouse.errors import UsageError
from trailhouse.flows.services.warehouse import list_published_tables
from trailhouse.flows.settings import Settings, inherited_environment


@dataclass(frozen=True)
class SupersetAddress:
    """The URL of a running Superset, with the name and password of its administrator."""

    url: str
    user: str
    password: str = field(repr=False)

    @property
    def first_page(self) -> str:
        """The address of the dashboard that users see first."""
        return f"{self.url}/superset/dashboard/overview/"


def locate_installation(settings: Settings) -> SupersetInstallation:
    """Return the local Superset of the data directory, without the environment variables for the warehouse.

    Superset can be found or stopped without these variables, but not started.
    """
    return SupersetInstallation(
        environment=settings.superset_environment.absolute(),
        directory=settings.superset_directory.resolve(),
        warehouse_variables={},
        inherited_variables=inherited_environment(),
    )


def describe_installation(settings: Settings) -> SupersetInstallation:
    """Return the local Superset of the data directory, with the environment variables for the warehouse.

    Raises UsageError if a warehouse server is configured without the passwords of its reader and of its user for
    dashboards.
    """
    if settings.warehouse_url is None:
        directory = settings.warehouse_directory.resolve()
        variables = describe_embedded_warehouse(directory, settings.database, list_published_tables(settings))
    else:
        reader = settings.reader_user, settings.reader_password.get_secret_value()
        dashboards = settings.dashboards_user, settings.dashboards_password.get_secret_value()
        if not reader[1] or not dashboards[1]:
            raise UsageError(
                "Superset reads the warehouse as a user who only reads (researchers) and as a user who reads the marts"
                " only (everybody else), and not both of their passwords are set",
                "set TRAILHOUSE_READER_PASSWORD and TRAILHOUSE_DASHBOARDS_PASSWORD",
            )
        variables = describe_warehouse_server(settings.warehouse_url, settings.database, reader, dashboards)
    return replace(locate_installation(settings), warehouse_variables=variables)


def resolve_superset(settings: Settings) -> SupersetAddress:
    """Return the address of the configured Superset. If no URL is configured, find or start the local Superset.

    Raises UsageError if a URL is configured without a password, and UnreachableError if the local Superset cannot
    start.
    """
    if settings.superset_url is not None:
        return configured_superset(settings, settings.superset_url)
    installation = describe_installation(settings)
    url = ensure_superset(installation, settings.superset_port)
    return SupersetAddress(url, ADMIN_USER, installation.read_admin_password())


def find_running_superset(settings: Settings) -> SupersetAddress | None:
    """Return the address of the configured Superset. If no URL is configured, return that of the local Superset.

    Returns None if no URL is configured and the local Superset does not run. Nothing is started.
    Raises UsageError if a URL is configured without a password.
    """
    if settings.superset_url is not None:
        return configured_superset(settings, settings.superset_url)
    installation = locate_installation(settings)
    url = find_superset(installation)
    return None if url is None else SupersetAddress(url, ADMIN_USER, installation.read_admin_password())


def read_local_password(settings: Settings) -> str:
    """Return the password of the administrator of the local Superset.

    Raises UsageError if the settings name another Superset, or if the local Superset was never started.
    """
    if settings.superset_url is not None:
        raise UsageError(
            f"the dashboards are in the Superset at {settings.superset_url}, not in a local one",
            "ask its administrator, or unset TRAILHOUSE_SUPERSET_URL",
        )
    return locate_installation(settings).read_admin_password()


def configured_superset(settings: Settings, url: str) -> SupersetAddress:
    """Return the address of the Superset that the settings name. Raises UsageError if its password is not set."""
    password = settings.superset_password.get_secret_value()
    if not password:
        raise UsageError(
            f"no password for user {settings.superset_user!r} at {url}", "set TRAILHOUSE_SUPERSET_PASSWORD"
        )
    return SupersetAddress(url.rstrip("/"), settings.superset_user, password)


def connect_superset(superset: SupersetAddress) -> PublishingClient:
    """Return a client of Superset, which logs in at its first request."""
    return PublishingClient(superset.url, superset.user, superset.password)
