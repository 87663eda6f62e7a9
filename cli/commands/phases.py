"""``trailhouse phases``: what n-grams and meaning explain of the log-probabilities of words."""

from __future__ import annotations

import typer

from trailhouse.cli.commands import phases_count, phases_measure, phases_score_ngrams, phases_similarity, phases_words

phases_app = typer.Typer(
    no_args_is_help=True, help="Behavioural phases: what n-grams and meaning explain of the log-probabilities of words."
)
phases_app.command("measure")(phases_measure.measure)
phases_app.command("count")(phases_count.count)
phases_app.command("score-ngrams")(phases_score_ngrams.score_ngrams_of)
phases_app.command("sample")(phases_words.sample)
phases_app.command("read")(phases_words.read)
phases_app.command("similarity")(phases_similarity.similarity)
