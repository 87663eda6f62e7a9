"""``trailhouse corrupt``: make corrupted variants of a corpus."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from trailhouse.cli.commands.score import score_and_say
from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, DeviceOption, JsonOption, ScoreOption, WarehouseUrlOption
from trailhouse.support.wording import count_of


def corrupt(
    corpus: Annotated[str, typer.Argument(help="Corpus to corrupt, see `trailhouse corpus list`.")],
    kind: Annotated[
        list[str],
        typer.Option(
            help="replace (by a random token), delete, insert (a random token after it) or repeat; may be repeated."
        ),
    ],
    rate: Annotated[
        list[float], typer.Option(help="Probability with which each token is corrupted, such as 0.2; may be repeated.")
    ],
    unit: Annotated[
        Literal["token", "span"],
        typer.Option(help="Corrupt single tokens, or spans of three tokens, which are corrupted together."),
    ] = "token",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random choices.")] = 0,
    token_cap: Annotated[
        int, typer.Option("--cap", help="Tokens of a document that are kept before it is corrupted.")
    ] = 100,
    tokenizer_of: Annotated[
        str | None,
        typer.Option(
            "--tokenizer-of",
            help="Suite or SUITE/MODEL whose tokenizer makes the tokens. [default: the suite scored last on CORPUS]",
        ),
    ] = None,
    score: ScoreOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Make corrupted variants of a corpus, one for each kind and rate.

    Every variant becomes a corpus of its own, such as `validation-replace-20`. The unchanged beginnings of the
    documents become the corpus `validation-intact`, for comparison. Tokens are corrupted, not characters: models with
    the same tokenizer score exactly these tokens, and other models score their text.

    The same seed gives the same texts on every machine. A higher rate corrupts the tokens of a lower rate and more.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, device=device)
    from trailhouse.flows.first_checks import check_device

    check_device(settings)
    prepare_prefect(settings)
    from trailhouse.flows.corrupt_texts import corrupt_texts

    with progress_bars():
        made = corrupt_texts(
            corpus, kind, rate, settings, unit=unit, seed=seed, token_cap=token_cap, tokenizer_of=tokenizer_of
        )
    corpora = [one.corpus_id for one in made]
    for one in made:
        written = "" if one.is_new else ", already there"
        size = f"{count_of(one.document_count, 'document')}, {count_of(one.token_count, 'token')}"
        say(f"corpus {one.corpus_id}: {size}{written}")
    scorings = score_and_say(score or [], corpora, settings)
    if as_json:
        print_json({"corpora": [asdict(one) for one in made], "scorings": [asdict(report) for report in scorings]})
    if not score:
        options = " ".join(f"--corpus {name}" for name in corpora)
        say(f"score them with `trailhouse score SUITE {options}`, then run `trailhouse transform`")
