"""Configuration that Superset reads at start, in its own environment; everything else is Superset's default.

What differs between a laptop and a deployment comes from the environment, set by ``superset_process.py`` or by compose:
the directory of secrets and state, the metadata database, the cache, and where the warehouse is. No secret is
stored in Superset's metadata: the published connection names the host ``warehouse``, and the real address and
the reader's password are put in when a connection is opened.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DIRECTORY = Path(os.environ["TRAILHOUSE_SUPERSET_DIRECTORY"])
REDIS_URL = os.environ.get("TRAILHOUSE_SUPERSET_REDIS_URL")
IS_HTTPS = os.environ.get("TRAILHOUSE_SUPERSET_HTTPS", "false") == "true"
WAREHOUSE_HOST = "warehouse"
MINUTE_SECONDS = 60
DAY_SECONDS = 24 * 60 * MINUTE_SECONDS

SECRET_KEY = (DIRECTORY / "secret.key").read_text().strip()
SQLALCHEMY_DATABASE_URI = os.environ.get(
    "TRAILHOUSE_SUPERSET_METADATA_URL", f"sqlite:///{DIRECTORY / 'metadata.db'}?timeout=30"
)
APP_NAME = "Trailhouse"

# Every form and every write carries a token; pages carry a content security policy.
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
        "style-src": ["'self'", "'unsafe-inline'"],  # Superset's interface writes its styles at run time
        # Only scripts that Superset signed with the page's nonce; the coloured passage compiles its template.
        "script-src": ["'self'", "'strict-dynamic'", "'unsafe-eval'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # a proxy in front does that
    "session_cookie_secure": IS_HTTPS,
}
HTML_SANITIZATION = True
# Classes, so that a stylesheet can colour tokens; neither style attributes nor scripts are let through.
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
    "ENABLE_TEMPLATE_PROCESSING": False,  # Jinja in SQL could read what the person asking may not
}

ROW_LIMIT = 10_000
SQL_MAX_ROW = 100_000
SQLLAB_TIMEOUT = MINUTE_SECONDS
SUPERSET_WEBSERVER_TIMEOUT = 2 * MINUTE_SECONDS

# The functions that reach beyond the warehouse, read a table by a name that rules of row-level security do not see, or
# hold a thread. The engine of clickhouse-connect is called "clickhousedb"; Superset's own list stands under
# "clickhouse", which is never asked. A test lists the engine's table functions that are left.
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

EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "trailhouse",
        "label": "Trailhouse",
        "description": "Okabe and Ito: told apart by the colour-blind",
        "isDefault": True,
        "colors": ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"],
    }
]


def configure_cache(name: str, timeout_seconds: int) -> dict[str, Any]:
    """The cache: in Redis where there is one, in files beside the metadata otherwise."""
    common = {"CACHE_DEFAULT_TIMEOUT": timeout_seconds, "CACHE_KEY_PREFIX": f"trailhouse_{name}_"}
    if REDIS_URL is not None:
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": REDIS_URL, **common}
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(DIRECTORY / "cache" / name),
        "CACHE_THRESHOLD": 20_000,
        **common,
    }


# Publishing and transforming drop what is cached and warm it again, so it may live long. Superset drops entries
# only from the first of these caches: results of charts must lie in the same one.
CACHE_CONFIG = configure_cache("data", DAY_SECONDS)
DATA_CACHE_CONFIG = CACHE_CONFIG
FILTER_STATE_CACHE_CONFIG = configure_cache("filter_state", 30 * DAY_SECONDS)
EXPLORE_FORM_DATA_CACHE_CONFIG = configure_cache("explore_form", 7 * DAY_SECONDS)
STORE_CACHE_KEYS_IN_METADATA_DB = True


class CeleryConfig:
    """What runs beside the web server, where there is a Redis: the queue, and what keeps the metadata small."""

    broker_url = REDIS_URL
    result_backend = REDIS_URL
    imports = ("superset.sql_lab", "superset.tasks.scheduler", "superset.tasks.cache")
    worker_prefetch_multiplier = 1
    beat_schedule = {  # noqa: RUF012  # Celery reads a plain attribute
        name: {"task": name, "schedule": DAY_SECONDS, "kwargs": {"retention_period_days": 180}}
        for name in ("prune_query", "prune_logs")
    }


if REDIS_URL is not None:
    CELERY_CONFIG = CeleryConfig


def DB_CONNECTION_MUTATOR(  # noqa: N802  # the name Superset looks for
    uri: Any,  # noqa: ANN401  # SQLAlchemy's URL, a package this repository's environment has in another version
    params: dict[str, Any],
    username: str,
    security_manager: object,
    source: object,
) -> tuple[Any, dict[str, Any]]:
    """Put the real address and the reader's password into the published connection, at every connection."""
    if uri.host != WAREHOUSE_HOST:
        return uri, params
    url, user, password = find_warehouse()
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
    # A session would hold a lock on the server, and charts are loaded in parallel.
    params.setdefault("connect_args", {})["autogenerate_session_id"] = False
    return uri, params


def find_warehouse() -> tuple[str, str, str]:
    """URL, read-only user and password: of the configured server, or of the embedded one, started if it sleeps."""
    url = os.environ.get("TRAILHOUSE_WAREHOUSE_URL")
    if url is not None:
        return url, os.environ["TRAILHOUSE_READER_USER"], os.environ["TRAILHOUSE_READER_PASSWORD"]
    directory = Path(os.environ["TRAILHOUSE_WAREHOUSE_DIRECTORY"])
    url = read_embedded_url(directory)
    if url is None or not is_listening(url):
        subprocess.run(json.loads(os.environ["TRAILHOUSE_START_COMMAND"]), check=True, timeout=MINUTE_SECONDS)
        url = read_embedded_url(directory)
        if url is None:
            raise RuntimeError(f"the embedded warehouse of {directory} did not start")
    return url, "reader", (directory / "reader.password").read_text().strip()


def read_embedded_url(directory: Path) -> str | None:
    """Where the embedded server of a directory says that it listens."""
    try:
        return str(json.loads((directory / "server.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None


def is_listening(url: str) -> bool:
    """Whether somebody accepts connections there."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), timeout=2).close()
    except OSError:
        return False
    return True
