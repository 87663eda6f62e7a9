{{ config(materialized="view") }}

with
    document as (select * from {{ ref("fct_passage_document") }}),

    kept_convention as (select convention_id from {{ ref("trend_convention") }} where is_kept_by_token),

    start as (
        select distinct convention_id, model_id, corpus_id, start_percent
        from {{ ref("int_trend_count_by_start") }}
        where convention_id in (select convention_id from kept_convention)
    ),

    page as (
        select
            start.convention_id as convention_id,
            document.suite_id as suite_id,
            document.model_id as model_id,
            document.corpus_id as corpus_id,
            start.start_percent as start_percent,
            document.document_id as document_id,
            document.document_name as document_name,
            concat(
                'trailhouse show-passage --html passage.html --document ',
                toString(document.document_id),
                ' --model ',
                {{ shell_word("document.model_id") }},
                ' --corpus ',
                {{ shell_word("document.corpus_id") }},
                ' --start ',
                toString(start.start_percent),
                ' --convention ',
                {{ shell_word("start.convention_id") }}
            ) as page_command
        from document
        inner join start on document.model_id = start.model_id and document.corpus_id = start.corpus_id
    )

select *
from page
