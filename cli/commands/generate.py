"""``trailhouse generate``: generate texts with two checkpoints of a model family."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from trailhouse.cli.commands.score import score_and_say
from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    DataDirectoryOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ScoreOption,
    WarehouseUrlOption,
)
from trailhouse.errors import BadInputError
from trailhouse.support.wording import count_of


def generate(
    small: Annotated[str, typer.Option(help="Checkpoint that gives p_s, as SUITE/MODEL@STEP; @last is the default.")],
    large: Annotated[str, typer.Option(help="Checkpoint that gives p_l, as SUITE/MODEL@STEP; @last is the default.")],
    prompts: Annotated[str, typer.Option(help="Corpus whose documents begin the texts.")],
    preset: Annotated[
        list[str] | None,
        typer.Option(help="ps-pl, ps, ps+pl, pl, pl-ps or contrastive; may be repeated. [default: the first five]"),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="Any other configuration, as λ1,λ2 within [-1, 1], such as 0.5,-1; may be repeated."),
    ] = None,
    sampling: Annotated[
        list[str] | None, typer.Option(help="greedy or nucleus; may be repeated. [default: both]")
    ] = None,
    top_p: Annotated[float, typer.Option(help="Probability mass of the nucleus.")] = 0.9,
    seed: Annotated[int, typer.Option(help="Seed of nucleus sampling.")] = 0,
    prompt_length: Annotated[int, typer.Option(help="Tokens of each prompt.")] = 5,
    length: Annotated[int, typer.Option(help="New tokens of each text.")] = 50,
    limit: Annotated[
        int | None, typer.Option(help="Use the first LIMIT documents of the corpus only. [default: all]")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new corpus. [default: made from PROMPTS]")] = None,
    batch_size: Annotated[int, typer.Option(help="Texts that are generated at the same time.")] = 32,
    features_of: Annotated[
        str | None,
        typer.Option("--features-of", help="Checkpoint that gives the features of MAUVE. [default: that of --large]"),
    ] = None,
    score: ScoreOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Generate texts from the distributions of a small and a large model of one family, and store them as a corpus.

    Each token is drawn from p' = λ1 p_s + λ2 p_l, without negative values and renormalised (Xia et al. 2023, equations
    2 and 3). The presets are the configurations of the paper:

    ps-pl (λ = 1, -1): what the small model likes better than the large one does.

    ps (1, 0): the small model alone.

    ps+pl (1, 1): the mean of both.

    pl (0, 1): the large model alone.

    pl-ps (-1, 1): what the large model likes better than the small one does.

    The preset `contrastive` is contrastive decoding (Li et al. 2022): log p_l - log p_s among the tokens that the
    large model finds plausible. Greedy decoding takes the most probable token, nucleus sampling draws one.

    A text depends neither on the batch size nor on the other prompts. If the command is interrupted or killed, run it
    again: it resumes after the last stored batch. The texts can then be scored by every checkpoint of any suite.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url, device=device, dtype=dtype)
    from trailhouse.flows.first_checks import check_device, check_models, check_suites
    from trailhouse.flows.pipeline.corpora import require_corpora
    from trailhouse.models.sequences.decoding.configuration import PAPER_PRESETS, Decoding, Sampling, find_preset

    names = preset or (() if weights else PAPER_PRESETS)
    decodings = [find_preset(one) for one in dict.fromkeys(names)]
    decodings += [Decoding("interpolated", *read_weights(text)) for text in dict.fromkeys(weights or [])]
    samplings = [
        Sampling(one, top_p, seed)  # type: ignore[arg-type]  # Sampling refuses other names
        for one in dict.fromkeys(sampling or ["greedy", "nucleus"])
    ]
    check_models([small, large, *([features_of] if features_of else [])], settings)
    check_suites(score or [], settings)
    check_device(settings)
    require_corpora(settings, [prompts])
    prepare_prefect(settings)
    from trailhouse.flows.generate_texts import generate_texts
    from trailhouse.flows.pipeline.generation_plan import GenerationRequest

    request = GenerationRequest(
        small, large, prompts, decodings, samplings, prompt_length, length, limit, name, batch_size, features_of
    )
    with progress_bars():
        report = generate_texts(request, settings)
    say(
        f"corpus {report.corpus_id}: {count_of(report.generation_count, 'configuration')} of"
        f" {count_of(report.prompt_count, 'text')}, {count_of(report.generated_count, 'text')} generated at"
        f" {report.tokens_per_second:.0f} tokens per second, {report.already_generated_count} there already"
    )
    scorings = score_and_say(score or [], [report.corpus_id], settings)
    if as_json:
        print_json({**asdict(report), "scorings": [asdict(one) for one in scorings]})
    if not score:
        say(f"score them with `trailhouse score SUITE --corpus {report.corpus_id}`, then run `trailhouse transform`")


def read_weights(text: str) -> tuple[float, float]:
    """Return the two weights in a text such as ``0.5,-1``. Raises BadInputError if it holds something else."""
    try:
        small_weight, large_weight = map(float, text.split(","))
    except ValueError as error:
        raise BadInputError(f"--weights {text!r} is no pair of numbers", "write λ1,λ2, such as 0.5,-1") from error
    return small_weight, large_weight
