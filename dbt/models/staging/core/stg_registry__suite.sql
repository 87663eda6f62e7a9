with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("registry", "raw_suite") }} final),

    renamed as (select suite_id, description as suite_description, source as suite_source from source)

select *
from renamed
