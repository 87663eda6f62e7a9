with
    source as (select * from system.parts where active and database = '{{ target.schema }}'),

    renamed as (
        select
            table as table_name,
            partition_id,
            name as part_name,
            toInt64(rows) as row_count,
            toInt64(bytes_on_disk) as stored_bytes,
            toInt64(data_uncompressed_bytes) as uncompressed_bytes,
            modification_time as written_at
        from source
    )

select *
from renamed
