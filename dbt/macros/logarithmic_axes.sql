{#
    Return a query with one row per checkpoint of a trajectory and axis. The column `coordinate` is the logarithm of the
    checkpoint's value on this axis. The column `progress` is the same, but negated for validation perplexity, so that
    it grows with training on every axis. Step 0 and unknown values are left out, because they have no logarithm.
#}
{% macro trajectory_points(trajectory) -%}
    select
        suite_id,
        corpus_id,
        measure,
        subject,
        variant,
        set_model_id,
        start_percent,
        category,
        model_id,
        step,
        measure_value,
        cityHash64(suite_id, corpus_id, measure, subject, variant, axis) as panel_id,
        toLowCardinality(axis_and_value .1) as axis,
        log(axis_and_value .2) as coordinate,
        if(axis = 'validation perplexity', - coordinate, coordinate) as progress
    from {{ trajectory }}
    array join
        [
            ('parameters', toFloat64(parameter_count)),
            ('tokens seen', toFloat64(coalesce(tokens_seen, 0))),
            ('training FLOPs (6N)', coalesce(train_flops_6n, 0)),
            ('training FLOPs (PaLM)', coalesce(train_flops_palm, 0)),
            ('validation perplexity', coalesce(validation_perplexity, 0))
        ] as axis_and_value
    where step > 0 and axis_and_value .2 > 0
{%- endmacro %}
