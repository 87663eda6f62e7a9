-- How were the scores of a suite on a corpus computed? The answer gives the settings, the device
-- and the versions of every scoring run, latest first, and the largest difference between the two
-- scores of positions that were scored twice.
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
select
    started_at,
    checkpoint_count,
    trailhouse_version,
    device,
    dtype,
    attention_implementation,
    scoring_settings,
    library_versions,
    verified_count,
    largest_difference_nats
from fct_scoring_provenance
where suite_id = {suite_id:String} and corpus_id = {corpus_id:String}
order by started_at desc, scoring_settings
