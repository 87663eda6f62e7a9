"""This module defines what each user of the server may do in the engine.

chDB knows one user, ``default``. So each user of the server is a role of the engine: every handle gets the role of its
user, and the guard (``server/sql/guard.py``) refuses SET ROLE. The grants of a role hold for every way to read a table,
for example for ``x in table``, views and table functions. System tables are readable for every role in chDB, so row
policies hide the rows of those that tell about other users or about the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from trailhouse.server.access.credentials import Role
from trailhouse.server.sql.allowed_engines import TABLE_ENGINES

# The admin's privileges. The list leaves out SOURCES (file, url, s3, remote, ...), SYSTEM, access management,
# dictionaries and functions.
_ADMIN_PRIVILEGES = (
    "SELECT",
    "INSERT",
    "ALTER TABLE",
    "ALTER VIEW",
    "ALTER DATABASE",
    "CREATE DATABASE",
    "CREATE TABLE",
    "CREATE VIEW",
    "CREATE TEMPORARY TABLE",
    "DROP DATABASE",
    "DROP TABLE",
    "DROP VIEW",
    "UNDROP TABLE",
    "TRUNCATE",
    "OPTIMIZE",
    "CHECK",
    "SHOW TABLES",
    "SHOW COLUMNS",
    "SHOW DATABASES",
    "KILL QUERY",
)
# Temporary tables hold the external tables of a request.
_READER_PRIVILEGES = ("SELECT", "CREATE TEMPORARY TABLE", "SHOW TABLES", "SHOW COLUMNS", "SHOW DATABASES", "CHECK")
# System tables that only the admin reads: statements and literals of other users, errors that quote them, what the
# server does at the moment, its configuration, and its users.
ADMIN_SYSTEM_TABLES = (
    "asynchronous_inserts",
    "asynchronous_loader",
    "azure_queue_metadata",
    "azure_queue_metadata_cache",
    "azure_queue_settings",
    "background_schedule_pool",
    "backups",
    "certificates",
    "clusters",
    "database_replicas",
    "detached_parts",
    "detached_tables",
    "distributed_ddl_queue",
    "distribution_queue",
    "dns_cache",
    "dropped_tables",
    "dropped_tables_parts",
    "errors",
    "fail_points",
    "filesystem_cache",
    "filesystem_cache_settings",
    "grants",
    "handlers",
    "hypothetical_indexes",
    "hypothetical_projections",
    "iceberg_files",
    "iceberg_history",
    "jemalloc_arena_bins",
    "jemalloc_bins",
    "jemalloc_profile_text",
    "jemalloc_sampled_allocations",
    "jemalloc_stats",
    "kafka_consumers",
    "macros",
    "masking_policies",
    "merges",
    "moves",
    "mutations",
    "named_collections",
    "part_moves_between_shards",
    "processes",
    "query_cache",
    "query_condition_cache",
    "quota_limits",
    "quota_usage",
    "quotas",
    "quotas_usage",
    "remote_data_paths",
    "replicas",
    "replicated_fetches",
    "replication_queue",
    "resources",
    "rocksdb",
    "role_grants",
    "roles",
    "row_policies",
    "s3_queue_metadata",
    "s3_queue_settings",
    "s3queue_metadata_cache",
    "scheduler",
    "schema_inference_cache",
    "server_settings",
    "session_query_ids",
    "settings_profile_elements",
    "settings_profiles",
    "stack_trace",
    "symbols",
    "user_defined_functions",
    "user_directories",
    "user_processes",
    "user_query_log",
    "users",
    "view_refreshes",
    "warnings",
    "workloads",
)
# System tables that every user reads: what the engine can do, and the names and sizes of the tables that the user may
# read.
OPEN_SYSTEM_TABLES = (
    "aggregate_function_combinators",
    "build_options",
    "codecs",
    "collations",
    "columns",
    "completions",
    "constraints",
    "contributors",
    "current_roles",
    "dashboards",
    "data_skipping_index_types",
    "data_skipping_indices",
    "data_type_families",
    "database_engines",
    "databases",
    "dictionaries",
    "dictionary_layouts",
    "dictionary_sources",
    "dimensional_metrics",
    "disk_types",
    "disks",
    "documentation",
    "enabled_roles",
    "events",
    "formats",
    "functions",
    "graphite_retentions",
    "histogram_metrics",
    "keywords",
    "licenses",
    "merge_tree_settings",
    "metrics",
    "numbers",
    "numbers_mt",
    "one",
    "parts",
    "parts_columns",
    "primes",
    "privileges",
    "projection_parts",
    "projection_parts_columns",
    "projections",
    "replicated_merge_tree_settings",
    "settings",
    "settings_changes",
    "statements",
    "storage_policies",
    "table_engines",
    "table_functions",
    "tables",
    "time_zones",
    "tokenizers",
    "unicode",
    "zeros",
    "zeros_mt",
)


def format_roles(published_tables: Sequence[str]) -> str:
    """Return the roles with their grants, as XML.

    ``published_tables`` are the tables that the user for dashboards reads, as ``database.table``. A table that ends in
    ``*`` stands for all tables whose names begin so.
    """
    grants = {
        Role.ADMIN: [
            f"GRANT {', '.join(_ADMIN_PRIVILEGES)} ON *.*",
            f"GRANT SET DEFINER ON {Role.ADMIN}",
            *(f"GRANT TABLE ENGINE ON {engine}" for engine in TABLE_ENGINES),
        ],
        Role.READER: [f"GRANT {', '.join(_READER_PRIVILEGES)} ON *.*", "GRANT TABLE ENGINE ON Memory"],
        Role.DASHBOARDS: [f"GRANT SELECT ON {table}" for table in published_tables],
    }
    return "\n".join(
        f"    <{role}><grants>"
        + "".join(f"\n      <query>{escape(grant)}</query>" for grant in queries)
        + f"\n    </grants></{role}>"
        for role, queries in grants.items()
    )


def format_row_policies() -> str:
    """Return the row policies that hide the system tables of the admin from every other user, as XML."""
    condition = f"has(currentRoles(), '{Role.ADMIN}')"
    return "\n".join(f"          <{table}><filter>{condition}</filter></{table}>" for table in ADMIN_SYSTEM_TABLES)
