"""The flow that publishes dashboards to Superset. It also sets access rights and fills the chart cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from prefect import flow

from trailhouse.dashboards.bundle.bundle import ASSETS, compile_bundle
from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.publish.access import find_access_drift, grant_access
from trailhouse.dashboards.publish.access_file import read_access
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.normalised_assets import Asset, AssetKey, read_bundle
from trailhouse.dashboards.publish.publication import Drift, find_drift, publish_bundle
from trailhouse.dashboards.publish.rights import RightsDrift
from trailhouse.dashboards.publish.warming import ChartFailure, warm_dashboards
from trailhouse.errors import PartialError, UnreachableError
from trailhouse.flows.services.superset import connect_superset, find_running_superset, resolve_superset
from trailhouse.flows.services.warehouse import resolve_address, resolve_reader_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.query import has_models, read_models_by_size


@dataclass(frozen=True)
class PublicationReport:
    """The URL of Superset, what the publication changed in Superset, and how many charts were cached."""

    url: str
    first_page: str
    """The address of the dashboard that users see first."""
    created: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged_count: int
    access_changes: tuple[str, ...]
    warmed_count: int
    has_data: bool
    """Whether the marts hold a model. If they hold none, no chart has anything to show, and none was cached."""


@flow(name="publish_dashboards", validate_parameters=False, persist_result=False)
def publish_dashboards(settings: Settings | None = None) -> PublicationReport:
    """Bring the dashboards of this version, and the rights that the access file states, to Superset.

    A second run changes nothing.

    Raises BadInputError if the file of an asset (such as a chart) is wrong, UnreachableError if Superset or the
    warehouse does not answer, and PartialError if everything is published but the query of a chart fails.
    """
    settings = settings or load_settings()
    access = read_access(settings.access_file)
    files = compile_assets(settings)
    resolve_address(settings)  # starts the warehouse, so that the first chart does not wait for the start
    superset = resolve_superset(settings)
    client = connect_superset(superset)
    drift = publish_bundle(client, files)
    access_changes = grant_access(client, read_bundle(files), access)
    warmed_count = 0
    has_data = find_data(settings)
    if drift.count > 0 and has_data:
        warmed_count = warm_charts(client, files)
    return PublicationReport(
        url=superset.url,
        first_page=superset.first_page,
        created=describe_assets(drift.missing),
        changed=describe_assets(drift.changed),
        removed=describe_assets(drift.superfluous),
        unchanged_count=drift.unchanged_count,
        access_changes=tuple(access_changes),
        warmed_count=warmed_count,
        has_data=has_data,
    )


def check_dashboards(settings: Settings) -> tuple[Drift, RightsDrift]:
    """Return how Superset differs from the assets of this version and from the rights that the access file states.

    Nothing is changed. The colours of models are read from the warehouse, so the embedded server is started if needed.

    Raises UnreachableError if Superset does not run.
    """
    access = read_access(settings.access_file)
    superset = find_running_superset(settings)
    if superset is None:
        raise UnreachableError("Superset does not run, so nothing can be compared", "run `trailhouse dashboards start`")
    files = compile_assets(settings)
    client = connect_superset(superset)
    return find_drift(client, files), find_access_drift(client, read_bundle(files), access)


@flow(name="warm_dashboards", validate_parameters=False, persist_result=False)
def warm_running_dashboards(settings: Settings | None = None) -> int:
    """Empty and refill the chart cache after the marts changed.

    Returns the number of charts, which is 0 if Superset does not run or the marts hold no model. Raises PartialError if
    the query of a chart fails.
    """
    settings = settings or load_settings()
    superset = find_running_superset(settings)
    if superset is None or not find_data(settings):
        return 0
    return warm_charts(connect_superset(superset), compile_assets(settings))


def refresh_running_dashboards(settings: Settings) -> int:
    """Publish the dashboards and refill the chart cache if Superset runs or is configured.

    Returns the number of charts, which is 0 if no Superset runs or is configured. Raises the errors of
    ``publish_dashboards``.
    """
    if find_running_superset(settings) is None:
        return 0
    publish_dashboards(settings)
    return warm_running_dashboards(settings)


def compile_assets(settings: Settings) -> dict[str, str]:
    """Return the files of the dashboard bundle, by path, for the database that the settings name.

    The database connection in the bundle has the host ``warehouse``. ``superset_config.py`` replaces this host by the
    real address. The models have the colours of the figures that show all models of their suite.
    """
    database = settings.database
    dbt_models = Path(str(resources.files("trailhouse") / "dbt" / "models"))
    uri = f"clickhousedb://reader@warehouse/{database}"
    colors = read_model_colors(settings)
    return compile_bundle(ASSETS, dbt_models, database_uri=uri, schema=database, model_colors=colors)


def read_model_colors(settings: Settings) -> dict[str, str]:
    """Return the colour of every model in the marts. Before the marts are derived, no model has a colour."""
    address = resolve_reader_address(settings)
    with connect(address, needs_database=False) as client:
        return assign_model_colors(read_models_by_size(client, address.database))


def find_data(settings: Settings) -> bool:
    """Return whether the marts hold a model. It is False before the marts are derived, too."""
    address = resolve_reader_address(settings)
    with connect(address, needs_database=False) as client:
        return has_models(client, address.database)


def warm_charts(client: PublishingClient, files: Mapping[str, str]) -> int:
    """Refill the chart cache and return the number of charts. Raises PartialError if the query of a chart fails."""
    (database,) = (key.uuid for key in read_bundle(files) if key.kind == "databases")
    result = warm_dashboards(client, database, lambda *step: report_progress("Warming charts", *step))
    if result.failures:
        raise PartialError(describe_failures(result.failures), "run `trailhouse transform`, then `trailhouse publish`")
    return result.chart_count


def describe_failures(failures: tuple[ChartFailure, ...]) -> str:
    """Return a sentence with the number of failed charts, and with the name and error of the first failed chart."""
    first = failures[0]
    return f"failing charts: {len(failures)}; the first is {first.chart!r} of {first.dashboard!r}: {first.reason}"


def describe_assets(assets: tuple[Asset, ...]) -> tuple[str, ...]:
    """Return the kind and name of every asset, for messages."""
    return tuple(f"{singular(asset.key)} {asset.name}" for asset in assets)


def singular(key: AssetKey) -> str:
    """Return the kind of an asset in the singular, for example ``chart`` instead of ``charts``."""
    return key.kind.removesuffix("s")
