with
    -- FINAL: superseded rows stay in the table until it is merged; only the latest row counts.
    source as (select * from {{ source("registry", "raw_suite") }} final),

    renamed as (select suite_id, description as suite_description, source as suite_source from source)

select *
from renamed
