with
    -- FINAL selects the latest row of each key. ClickHouse keeps earlier rows until it merges the table.
    source as (select * from {{ source("registry", "raw_model") }} final),

    renamed as (
        select
            model_id,
            suite_id,
            tokenizer_id,
            model_name,
            architecture,
            parameter_count,
            active_parameter_count,
            non_embedding_parameter_count,
            layer_count,
            hidden_size,
            head_count,
            head_dimension,
            vocabulary_size,
            context_length,
            batch_tokens,
            planned_steps,
            seed
        from source
    )

select *
from renamed
