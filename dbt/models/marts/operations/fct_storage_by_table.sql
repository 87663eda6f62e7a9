{{ config(materialized="view") }}

with
    part as (select * from {{ ref("stg_warehouse__part") }}),

    stored as (
        select
            table_name,
            multiIf(
                startsWith(table_name, 'raw_'),
                'raw',
                startsWith(table_name, 'int_'),
                'intermediate',
                startsWith(table_name, 'fct_') or startsWith(table_name, 'dim_'),
                'mart',
                'other'
            ) as layer,
            sum(row_count) as row_count,
            sum(stored_bytes) as stored_bytes,
            sum(uncompressed_bytes) as uncompressed_bytes,
            toInt64(count()) as part_count
        from part
        group by table_name
    )

select *
from stored
