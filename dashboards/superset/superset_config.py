"""The settings of Superset, which Superset loads at start in its own Python environment.

A setting that is not in this file has Superset's default. Some settings differ between a laptop and a deployment: the
directory of secrets and state, the metadata database, the cache, and the address of the warehouse. These settings
come from environment variables, which ``superset_process.py`` or compose sets.

Superset's metadata holds no secret of the warehouse. The published connection names the host ``warehouse``. Whenever a
connection is opened, ``DB_CONNECTION_MUTATOR`` replaces this host by the real address. It adds the name and password of
the warehouse's reader for a researcher or an administrator, and those of its user for dashboards for everybody else.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

DIRECTORY = Path(os.environ["TRAILHOUSE_SUPERSET_DIRECTORY"])
REDIS_URL = os.environ.get("TRAILHOUSE_SUPERSET_REDIS_URL")
IS_HTTPS = os.environ.get("TRAILHOUSE_SUPERSET_HTTPS", "false") == "true"
WAREHOUSE_HOST = "warehouse"
MINUTE_SECONDS = 60
DAY_SECONDS = 24 * 60 * MINUTE_SECONDS
# In the container, colours.py lies beside this file. In the repository, it lies one folder up.
COLOURS_FILE = next(
    file for file in (Path(__file__).parent / "colours.py", Path(__file__).parents[1] / "colours.py") if file.is_file()
)

SECRET_KEY = (DIRECTORY / "secret.key").read_text().strip()
SQLALCHEMY_DATABASE_URI = os.environ.get(
    "TRAILHOUSE_SUPERSET_METADATA_URL", f"sqlite:///{DIRECTORY / 'metadata.db'}?timeout=30"
)
APP_NAME = "Trailhouse"

# Forms and API writes need a CSRF token; pages carry a content security policy.
WTF_CSRF_ENABLED = True
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],  # Superset's interface writes styles while it runs
        # Only scripts with the page's nonce run. The chart that shows a passage needs 'unsafe-eval', because Handlebars
        # compiles the chart's template in the browser.
        "script-src": ["'self'", "'strict-dynamic'", "'unsafe-eval'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # the proxy in front of Superset redirects to HTTPS
    "session_cookie_secure": IS_HTTPS,
}
HTML_SANITIZATION = True
# Superset removes scripts and style attributes from the HTML of charts. Class names are allowed, so that the
# dashboard's CSS can colour tokens.
HTML_SANITIZATION_SCHEMA_EXTENSIONS = {"attributes": {"*": ["className"]}}
SESSION_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
ENABLE_PROXY_FIX = IS_HTTPS
GLOBAL_ASYNC_QUERIES_JWT_SECRET = SECRET_KEY
RATELIMIT_STORAGE_URI = REDIS_URL or "memory://"
AUTH_USER_REGISTRATION = False
FAB_ADD_SECURITY_API = True
PREVENT_UNSAFE_DB_CONNECTIONS = True
SQLALCHEMY_EXAMPLES_URI = f"sqlite:///{DIRECTORY / 'examples.db'}"

FEATURE_FLAGS = {
    "RLS_IN_SQLLAB": True,
    "ENABLE_TEMPLATE_PROCESSING": False,  # Jinja in SQL could read data that is hidden from the user
}

ROW_LIMIT = 10_000
SQL_MAX_ROW = 100_000
SQLLAB_TIMEOUT = MINUTE_SECONDS
SUPERSET_WEBSERVER_TIMEOUT = 2 * MINUTE_SECONDS

# SQL functions that users may not call, because these functions reach files or other hosts, read a table without its
# row-level security rules, or block a thread. The key "clickhousedb" is the engine name of clickhouse-connect, under
# which Superset looks for the list. Superset's own list has the key "clickhouse", so Superset never uses its own list.
# A test compares this list with the table functions of ClickHouse.
DISALLOWED_SQL_FUNCTIONS = {
    "clickhousedb": {
        *("arrowFlight", "arrowstream", "azureBlobStorage", "azureBlobStorageCluster", "bigquery", "catboostEvaluate"),
        *("cluster", "clusterAllReplicas", "cosn", "deltaLake", "deltaLakeAzure", "deltaLakeAzureCluster"),
        *("deltaLakeCluster", "deltaLakeLocal", "deltaLakeS3", "deltaLakeS3Cluster", "dictionary", "eval"),
        *("executable", "file", "fileCluster", "filesystem", "filesystemAvailable", "filesystemCapacity"),
        *("filesystemUnreserved", "gcs", "getMacro", "getServerPort", "getServerSetting", "hdfs", "hdfsCluster"),
        *("hostName", "hudi", "hudiCluster", "iceberg", "icebergAzure", "icebergAzureCluster", "icebergCluster"),
        *("icebergHDFS", "icebergHDFSCluster", "icebergLocal", "icebergLocalCluster", "icebergS3"),
        *("icebergS3Cluster", "jdbc", "loop", "merge", "mergeTreeAnalyzeIndexes", "mergeTreeAnalyzeIndexesUUID"),
        *("mergeTreeCodecBlockCounts", "mergeTreeIndex", "mergeTreeProjection", "mergeTreeTextIndex", "mongodb"),
        *("mysql", "odbc", "oss", "paimon", "paimonAzure", "paimonAzureCluster", "paimonCluster", "paimonHDFS"),
        *("paimonHDFSCluster", "paimonLocal", "paimonLocalCluster", "paimonS3", "paimonS3Cluster", "postgresql"),
        *("prometheusQuery", "prometheusQueryRange", "python", "redis", "remote", "remoteSecure", "s3", "s3Cluster"),
        *("showCertificate", "sleep", "sleepEachRow", "sqlite", "timeSeriesData", "timeSeriesMetricFamilies"),
        *("timeSeriesMetrics", "timeSeriesSamples", "timeSeriesSelector", "timeSeriesTags", "url", "urlCluster"),
        *("view", "viewExplain", "viewIfPermitted", "ytsaurus"),
    }
}

COLOURS = runpy.run_path(str(COLOURS_FILE))
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": COLOURS["COLOUR_SCHEME"],
        "label": "Trailhouse",
        "description": "Colours of models, which people with colour blindness can tell apart",
        "isDefault": True,
        "colors": list(COLOURS["MODEL_COLOURS"]),
    }
]


def load_beside(name: str) -> ModuleType:
    """Return the module in the file of this name that lies beside this file."""
    spec = importlib.util.spec_from_file_location(f"trailhouse_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configure_cache(name: str, timeout_seconds: int) -> dict[str, Any]:
    """Return the settings of a cache. The cache is in Redis if Redis is configured, else in Superset's directory."""
    common = {"CACHE_DEFAULT_TIMEOUT": timeout_seconds, "CACHE_KEY_PREFIX": f"trailhouse_{name}_"}
    if REDIS_URL is not None:
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": REDIS_URL, **common}
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(DIRECTORY / "cache" / name),
        "CACHE_THRESHOLD": 20_000,
        **common,
    }


# `trailhouse publish` and `trailhouse transform` empty and refill the cache, so entries may live for a day. Superset
# can invalidate only the entries of CACHE_CONFIG. So DATA_CACHE_CONFIG, the cache of chart results, is the same cache.
CACHE_CONFIG = configure_cache("data", DAY_SECONDS)
DATA_CACHE_CONFIG = CACHE_CONFIG
FILTER_STATE_CACHE_CONFIG = configure_cache("filter_state", 30 * DAY_SECONDS)
EXPLORE_FORM_DATA_CACHE_CONFIG = configure_cache("explore_form", 7 * DAY_SECONDS)
STORE_CACHE_KEYS_IN_METADATA_DB = True


class CeleryConfig:
    """Settings of Celery, which runs asynchronous queries and prunes old metadata. Celery runs only with Redis."""

    broker_url = REDIS_URL
    result_backend = REDIS_URL
    imports = ("superset.sql_lab", "superset.tasks.scheduler", "superset.tasks.cache")
    worker_prefetch_multiplier = 1
    beat_schedule = {  # noqa: RUF012  # Celery reads settings from class attributes
        name: {"task": name, "schedule": DAY_SECONDS, "kwargs": {"retention_period_days": 180}}
        for name in ("prune_query", "prune_logs")
    }


if REDIS_URL is not None:
    CELERY_CONFIG = CeleryConfig


EXPRESSIONS = load_beside("chart_expressions")
# Users with one of these roles may write SQL and read all tables of the warehouse. Users with other roles may not.
SQL_ROLES = frozenset({"Admin", "Researcher"})

if importlib.util.find_spec("superset") is not None:
    from superset.config import THEME_DEFAULT as SUPERSET_THEME  # defined before Superset loads this file
    from superset.errors import ErrorLevel, SupersetError, SupersetErrorType
    from superset.exceptions import SupersetSecurityException
    from superset.security import SupersetSecurityManager

    class TrailhouseSecurityManager(SupersetSecurityManager):  # type: ignore[misc]  # Superset has no types here
        """Superset's security manager. It also refuses SQL expressions of users who may not write SQL."""

        def raise_for_access(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # Superset's parameters
            """Raise SupersetSecurityException if the user may not send the request.

            A user who may not write SQL may send only expressions that stored charts and dashboards have.
            """
            super().raise_for_access(*arguments, **options)
            query_context = options.get("query_context")
            if query_context is None or may_write_sql(self):
                return
            stored = read_stored(self, query_context.datasource)
            known = EXPRESSIONS.collect_expressions(*stored, write_clause=write_clause)
            queries = [vars(query) for query in query_context.queries]
            new = EXPRESSIONS.find_new_expression(queries, known)
            if new is not None:
                raise SupersetSecurityException(
                    SupersetError(
                        error_type=SupersetErrorType.DATASOURCE_SECURITY_ACCESS_ERROR,
                        message=f"Only expressions of published charts may be used, and this is none: {new}",
                        level=ErrorLevel.WARNING,
                    )
                )

    CUSTOM_SECURITY_MANAGER = TrailhouseSecurityManager

    PAGES = load_beside("pages")
    BLUEPRINTS = [PAGES.BLUEPRINT]
    FLASK_APP_MUTATOR = PAGES.adapt_app
    APP_ICON = PAGES.LOGO_PATH
    FAVICONS = [{"href": PAGES.MARK_PATH, "type": "image/svg+xml"}]
    THEME_DEFAULT = {
        **SUPERSET_THEME,
        "token": {
            **SUPERSET_THEME["token"],
            "brandAppName": APP_NAME,
            "brandLogoAlt": APP_NAME,
            "brandLogoUrl": APP_ICON,
            "brandLogoHeight": "32px",
            "brandSpinnerUrl": PAGES.WAITING_PATH,
            "colorPrimary": COLOURS["MODEL_COLOURS"][0],
            "colorLink": COLOURS["MODEL_COLOURS"][0],
        },
    }
    THEME_DARK = None  # the colours of the models are told apart on white


def may_write_sql(security_manager: Any) -> bool:  # noqa: ANN401  # Superset's class
    """Return whether the user of the current request has a role that may write SQL."""
    from flask import g, has_app_context

    user = getattr(g, "user", None) if has_app_context() else None
    if user is None or getattr(user, "is_anonymous", False):
        return False
    return any(role.name in SQL_ROLES for role in security_manager.get_user_roles(user))


@functools.cache
def write_clause(clause: str) -> str:
    """Return a condition as Superset writes it anew before a request is checked; unchanged if it does not parse."""
    from superset.exceptions import QueryClauseValidationException
    from superset.sql.parse import sanitize_clause

    try:
        return str(sanitize_clause(clause, "clickhousedb"))
    except QueryClauseValidationException:
        return clause


def read_stored(
    security_manager: Any,  # noqa: ANN401  # Superset's classes
    dataset: Any,  # noqa: ANN401
) -> tuple[list[Any], list[str], list[str]]:
    """Return the documents of the stored charts of a data set and of all dashboards, its columns and its metrics."""
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    charts = security_manager.session.query(Slice).filter(Slice.datasource_id == dataset.id).all()
    texts = [text for chart in charts for text in (chart.params, chart.query_context)]
    texts += [dashboard.json_metadata for dashboard in security_manager.session.query(Dashboard).all()]
    columns = [column.column_name for column in dataset.columns]
    return [json.loads(text) for text in texts if text], columns, [metric.metric_name for metric in dataset.metrics]


def DB_CONNECTION_MUTATOR(  # noqa: N802  # the name and the parameters that Superset expects
    uri: Any,  # noqa: ANN401  # an SQLAlchemy URL; this environment has another version of SQLAlchemy
    params: dict[str, Any],
    username: str,  # noqa: ARG001
    security_manager: object,
    source: object,  # noqa: ARG001
) -> tuple[Any, dict[str, Any]]:
    """Return the URL and the parameters with which Superset opens a connection.

    For connections to the warehouse, the URL gets the real address, and the name and password of the user who may read
    what the user of Superset may see. For other connections, the URL and the parameters are returned unchanged.
    """
    if uri.host != WAREHOUSE_HOST:
        return uri, params
    url, user, password = find_warehouse(is_reader=may_write_sql(security_manager))
    address = urlsplit(url)
    query = {**uri.query, "secure": "true"} if address.scheme == "https" else uri.query
    uri = uri.set(
        host=address.hostname,
        port=address.port or (8443 if address.scheme == "https" else 8123),
        username=user,
        password=password,
        database=os.environ["TRAILHOUSE_DATABASE"],
        query=query,
    )
    # Charts load in parallel. So they use no ClickHouse session, because a session runs one query at a time.
    params.setdefault("connect_args", {})["autogenerate_session_id"] = False
    return uri, params


def find_warehouse(*, is_reader: bool) -> tuple[str, str, str]:
    """Return the URL of the warehouse, and the name and password of its reader or of its user for dashboards.

    The warehouse is the configured ClickHouse server. If no server is configured, it is the embedded server, which is
    started if it does not run. Raises CalledProcessError or TimeoutExpired if the start command fails. Raises
    RuntimeError if the embedded server has no record ``server.json`` after the start command.
    """
    url = os.environ.get("TRAILHOUSE_WAREHOUSE_URL")
    if url is not None:
        name = "READER" if is_reader else "DASHBOARDS"
        return url, os.environ[f"TRAILHOUSE_{name}_USER"], os.environ[f"TRAILHOUSE_{name}_PASSWORD"]
    directory = Path(os.environ["TRAILHOUSE_WAREHOUSE_DIRECTORY"])
    url = read_embedded_url(directory)
    if url is None or not is_listening(url):
        subprocess.run(json.loads(os.environ["TRAILHOUSE_START_COMMAND"]), check=True, timeout=MINUTE_SECONDS)
        url = read_embedded_url(directory)
        if url is None:
            raise RuntimeError(f"the embedded warehouse of {directory} did not start")
    user = "reader" if is_reader else "dashboards"
    return url, user, (directory / f"{user}.password").read_text().strip()


def read_embedded_url(directory: Path) -> str | None:
    """Return the URL in ``server.json``, the record of the running embedded server, or None.

    The URL is None if there is no record, or if the record was copied with the data directory of another server.
    """
    try:
        record = json.loads((directory / "server.json").read_text())
        status = directory.stat()
        here = f"{status.st_dev}:{status.st_ino}"  # as in support/processes.py
        return str(record["url"]) if record.get("directory", here) == here else None
    except (OSError, ValueError, KeyError):
        return None


def is_listening(url: str) -> bool:
    """Return whether a server accepts connections at ``url``."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), timeout=2).close()
    except OSError:
        return False
    return True
