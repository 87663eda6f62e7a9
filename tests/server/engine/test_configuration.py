"""The settings that clients may change, and those that the configuration freezes."""

from __future__ import annotations

# Settings with free text, each reviewed: none holds SQL, a path, an address or a credential.
REVIEWED = """
bool_false_representation bool_true_representation chdb_client_name column_names_for_schema_inference compatibility
compression count_distinct_implementation database default_format default_view_definer
distributed_plan_force_exchange_kind errors_output_format exclude_materialize_skip_indexes_on_insert
force_data_skipping_indices force_optimize_projection_name format format_csv_null_representation
format_custom_field_delimiter format_custom_result_after_delimiter format_custom_result_before_delimiter
format_custom_row_after_delimiter format_custom_row_before_delimiter format_custom_row_between_delimiter
format_json_object_each_row_column_for_object_name format_regexp format_schema_message_name
format_template_rows_between_delimiter format_tsv_null_representation framing_output_format function_implementation
iceberg_metadata_compression_method ignore_data_skipping_indices input_format input_format_mysql_dump_table_name
input_format_orc_reader_time_zone_name insert_deduplication_token local_filesystem_read_method log_comment
metrics_perf_events_list network_compression_method output_format output_format_avro_codec
output_format_avro_confluent_subject output_format_avro_string_column_pattern output_format_image_terminal_mode
output_format_orc_writer_time_zone_name output_format_pretty_grid_charset output_format_sql_insert_table_name
preferred_optimize_projection_name query_cache_tag remote_filesystem_read_method s3_upload_checksum_algorithm
send_logs_source_regexp temporary_files_codec trace_profile_events_list workload
""".split()  # noqa: SIM905


def test_every_setting_that_holds_any_text_is_frozen_or_was_looked_at(http):
    query = "SELECT name FROM system.settings WHERE readonly = 0 AND type = 'String'"
    assert set(http.post("/", content=query).text.split()) - set(REVIEWED) == set()


def test_a_frozen_setting_cannot_be_changed_in_any_way(http):
    name = "input_format_record_errors_file_path"
    for params, statement in (
        ({name: "/tmp/x"}, "SELECT 1"),
        ({}, f"SET {name} = '/tmp/x'"),
        ({}, f"SELECT 1 SETTINGS {name} = '/tmp/x'"),
    ):
        answer = http.post("/", params=params, content=statement)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "452", answer.text
