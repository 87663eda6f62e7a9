"""``trailhouse phases``: what explains the log-probabilities of words over training."""

from __future__ import annotations

import typer

from trailhouse.cli.commands.similarity import similarity
from trailhouse.cli.commands.words_in_context import read, sample

phases_app = typer.Typer(
    no_args_is_help=True,
    help="Behavioural phases: what n-grams and word meaning explain of a model's log-probabilities over training.",
)
for command in (sample, read, similarity):
    phases_app.command()(command)
