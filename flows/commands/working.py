"""``score``, ``transform``, ``figures`` and ``demo``: the main job, in steps and in one go."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from trailhouse.flows.commands.options import (
    CorpusOption,
    DataDirectoryOption,
    DeviceOption,
    JsonOption,
    WarehouseUrlOption,
)
from trailhouse.flows.console import pivot, print_json, print_table, progress_bars, say
from trailhouse.flows.settings import Settings, load_settings, prepare_prefect


def score(
    suite: Annotated[str, typer.Argument(help="Suite, see `trailhouse suite list`.")],
    corpus: CorpusOption,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. [default: float32]")] = None,
    with_entropy: Annotated[
        bool | None, typer.Option("--entropy/--no-entropy", help="Keep the entropy of every distribution, too.")
    ] = None,
    with_target_rank: Annotated[
        bool | None, typer.Option("--rank/--no-rank", help="Keep how many tokens beat the target, too.")
    ] = None,
    is_compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the models with torch.compile.")
    ] = None,
    context_length: Annotated[
        int | None,
        typer.Option(help="Tokens a model reads at most. [default: those of its training, within its limit]"),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(help="Tokens that each further window of a long text scores. [default: half the context]"),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score every checkpoint of a suite on a corpus, except what is scored already.

    Interrupted or killed, run it again: it goes on where it stopped.
    """
    settings = load_settings(
        data_directory=data_directory,
        warehouse_url=warehouse_url,
        device=device,
        dtype=dtype,
        with_entropy=with_entropy,
        with_target_rank=with_target_rank,
        is_compiled=is_compiled,
        context_length=context_length,
        stride=stride,
    )
    prepare_prefect(settings)
    from trailhouse.flows.score_checkpoints import score_checkpoints

    with progress_bars():
        report = score_checkpoints(suite, corpus, settings)
    if as_json:
        print_json(asdict(report))
    say(
        f"{report.scored_count} of {report.checkpoint_count} checkpoints scored, {report.already_scored_count} were"
        f" scored already: {report.score_count} scores at {report.scores_per_second:.0f} per second"
        + (f"; {report.copied_count} have the weights of another and got its scores" if report.copied_count else "")
    )


def transform(
    select: Annotated[list[str] | None, typer.Option("--select", "-s", help="dbt node selection.")] = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Derive everything again.")] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Derive the marts from the raw tables and test them (`dbt build`); only what changed is derived again."""
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    prepare_prefect(settings)
    from trailhouse.flows.build_marts import build_marts

    with progress_bars():
        report = build_marts(tuple(select or ()), settings, full_refresh=full_refresh)
    if as_json:
        print_json(asdict(report))
    say(
        f"{report.model_count} models and {report.seed_count} seeds built, {report.test_count} tests passed"
        f" in {report.duration_seconds:.0f} s"
    )
    warm_dashboards(settings)


def warm_dashboards(settings: Settings) -> None:
    """Let dashboards that are open show the new marts: where Superset runs, its cache is filled again."""
    from trailhouse.flows.superset import find_running_superset

    if find_running_superset(settings) is None:
        return
    from trailhouse.flows.publish_dashboards import warm_running_dashboards

    with progress_bars():
        chart_count = warm_running_dashboards(settings)
    if chart_count > 0:
        say(f"{chart_count} charts of the dashboards are warm")


def figures(
    suite: Annotated[str, typer.Option(help="Suite to draw.")],
    corpus: CorpusOption,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Draw the figures of the papers from the marts, as PNG, SVG and PDF, a passage, and a page of all.

    Example: trailhouse figures --suite opt-published --corpus pg19-validation
    """
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    from trailhouse.flows.draw_figures import draw_figures

    with progress_bars():
        report = draw_figures(settings, suite, corpus)
    if as_json:
        print_json([str(file) for file in report.files])
    for file in report.files:
        say(f"wrote {file}")
    for remark in report.remarks:
        say(f"note: {remark}")


def demo(
    size: Annotated[
        Literal["full", "reduced"], typer.Option(help="reduced trains smaller models, in seconds.")
    ] = "full",
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Run the whole job on models trained on the spot: train, score, derive, summarise, draw.

    Needs no network and no GPU. What is done already is not done again.
    """
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    prepare_prefect(settings)
    from trailhouse.flows.demo import run_demo

    with progress_bars():
        report = run_demo(settings, size)
    if as_json:
        print_json(
            {
                "scoring": asdict(report.scoring),
                "evaluation": asdict(report.evaluation),
                "marts": asdict(report.marts),
                "figures": [str(file) for file in report.figures],
                "validation_perplexity": report.perplexities.to_pylist(),
                "trend_shares": report.trend_shares.to_pylist(),
                "task_accuracies": report.accuracies.to_pylist(),
            }
        )
    else:
        perplexities = pivot(report.perplexities, ["step"], "model_id", "perplexity")
        print_table(perplexities, title="Validation perplexity by step and model")
        shares = pivot(report.trend_shares, ["model_id", "category"], "start_percent", "token_percent")
        print_table(shares, title="Tokens (%) by trend, for every start of the trend (% of training)")
        columns = ["task_id", "accuracy_ratio", "accuracy_lower", "accuracy_upper", "chance_accuracy_ratio"]
        accuracies = report.accuracies.select(columns)
        print_table(accuracies, title="Accuracy of the largest model at its last checkpoint, 2 exemplars")
    for file in report.figures:
        say(f"wrote {file}")
