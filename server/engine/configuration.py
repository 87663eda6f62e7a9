"""This module writes the engine's configuration: what a client's SQL may access, and how much memory it may take.

Without this configuration, a client's SQL could read and write the server's files and connect to other hosts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from trailhouse.server.access.credentials import Role
from trailhouse.server.engine.roles import format_roles, format_row_policies
from trailhouse.support.files import write_whole
from trailhouse.support.secrets import OWNER_ONLY

_PROFILE_SETTINGS = {
    # async_insert=0: an INSERT is acknowledged only when its rows are on disk. Each block of the INSERT becomes a data
    # part of the table.
    "async_insert": "0",
    "max_bytes_ratio_before_external_group_by": "0.5",
    "max_bytes_ratio_before_external_sort": "0.5",
    "join_algorithm": "direct,parallel_hash,hash,grace_hash",
    "http_max_tries": "1",
    "http_connection_timeout": "1",
    "send_logs_level": "none",
    "log_queries": "0",
}
# Settings that no statement may change. These settings could give access to the server's files or to other hosts,
# although the grants forbid such access.
_FROZEN_SETTINGS = (
    "output_format_schema",
    "format_schema",
    "format_schema_source",
    "format_template_row",
    "format_template_resultset",
    "format_template_row_format",
    "format_template_resultset_format",
    "format_avro_schema_registry_url",
    "input_format_record_errors_file_path",
    "rename_files_after_processing",
    "url_base",
    "s3_base",
    "s3queue_default_zookeeper_path",
    "stream_like_engine_insert_queue",
    "ai_function_embedding_default_credentials",
    "ai_function_text_default_credentials",
    "allow_experimental_ai_functions",
    "allow_fuzz_query_functions",
    "cluster_for_parallel_replicas",
    "distributed_cache_client_id",
    "distributed_cache_file_cache_name",
    "jemalloc_enable_profiler",
    "run_query_in_background",
    "filesystem_cache_name",
    "table_function_remote_max_addresses",
    "async_insert",
    "send_logs_level",
    # The settings below hold SQL or change the language of a query. They could hide SQL from the guard
    # (server/sql/guard.py), which refuses forbidden SQL.
    "additional_table_filters",
    "additional_result_filter",
    "parallel_replicas_custom_key",
    "dialect",
    "implicit_select",
    "allow_settings_after_format_in_insert",  # it would change the byte at which the rows of an INSERT begin
    "default_table_engine",
    "default_temporary_table_engine",
    "merge_tree_disk",
    "merge_tree_table_disk",
    "merge_tree_storage_policy",
    "filter",
    "select",
    "sort",
    "order",
    "implicit_table_at_top_level",
    "schema_inference_hints",
    "polyglot_dialect",
    "promql_database",
    "promql_table",
)


def write_configuration(
    directory: Path, *, memory_limit_bytes: int, shown_directory: Path, published_tables: Sequence[str]
) -> Path:
    """Write the engine's configuration to ``directory/.server`` and return the path of its main file.

    In the configuration, ``directory`` is called ``shown_directory``, which users may see. The user for dashboards may
    read ``published_tables``, see ``format_roles``.
    """
    folder = directory / ".server"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "files").mkdir(mode=0o700, exist_ok=True)
    shown = shown_directory / ".server"
    write_whole(folder / "users.xml", _format_users(memory_limit_bytes, published_tables), mode=OWNER_ONLY)
    engine = folder / "engine.xml"
    write_whole(engine, _format_engine(shown / "users.xml", shown / "files", memory_limit_bytes), mode=OWNER_ONLY)
    return engine


def default_memory_limit_bytes() -> int:
    """Return 60 % of this machine's memory."""
    return int(0.6 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _format_engine(users: Path, files: Path, memory_limit_bytes: int) -> str:
    return f"""<clickhouse>
  <users_config>{escape(str(users))}</users_config>
  <user_files_path>{escape(str(files))}/</user_files_path>
  <user_scripts_path>{escape(str(files))}/</user_scripts_path>
  <format_schema_path>{escape(str(files))}/</format_schema_path>
  <max_server_memory_usage>{memory_limit_bytes}</max_server_memory_usage>
  <mark_cache_size>268435456</mark_cache_size>
  <allow_plaintext_password>1</allow_plaintext_password>
  <remote_url_allow_hosts></remote_url_allow_hosts>
  <access_control_improvements>
    <table_engines_require_grant>true</table_engines_require_grant>
    <select_from_system_db_requires_grant>false</select_from_system_db_requires_grant>
  </access_control_improvements>
</clickhouse>
"""


def _format_users(memory_limit_bytes: int, published_tables: Sequence[str]) -> str:
    settings = {**_PROFILE_SETTINGS, "max_memory_usage": str(int(memory_limit_bytes * 0.8))}
    profile = "\n".join(f"      <{name}>{escape(value)}</{name}>" for name, value in settings.items())
    frozen = "\n".join(f"        <{name}><const/></{name}>" for name in _FROZEN_SETTINGS)
    limit = f"        <max_memory_usage><min>1</min><max>{memory_limit_bytes}</max></max_memory_usage>"
    return f"""<clickhouse>
  <profiles>
    <default>
{profile}
      <constraints>
{frozen}
{limit}
      </constraints>
    </default>
  </profiles>
  <quotas><default/></quotas>
  <roles>
{format_roles(published_tables)}
  </roles>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>::/0</ip></networks>
      <grants><query>GRANT {", ".join(Role)}</query></grants>
      <databases>
        <system>
{format_row_policies()}
        </system>
      </databases>
    </default>
    <{Role.ADMIN}>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT {Role.ADMIN}</query></grants>
    </{Role.ADMIN}>
  </users>
</clickhouse>
"""
