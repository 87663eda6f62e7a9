"""``trailhouse demo``: do everything from training to figures on the miniature suite."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from trailhouse.cli.console import pivot, print_json, print_table, progress_bars, say
from trailhouse.cli.options import (
    DataDirectoryOption,
    JsonOption,
    WarehouseUrlOption,
)
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    import pyarrow as pa

    from trailhouse.flows.settings import Settings


def demo(
    size: Annotated[
        Literal["full", "reduced"], typer.Option(help="With reduced, smaller models are trained, in seconds.")
    ] = "full",
    phases: Annotated[
        bool,
        typer.Option(
            "--phases",
            help="Demonstrate behavioural phases instead, on the suite miniature-parallel: three architectures with two"
            " seeds each. It takes about twice as long.",
        ),
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Run every step on the miniature suite: train, score, evaluate, generate texts, derive the marts and draw.

    With --phases, the steps are those of Michaelov et al. 2025: count n-grams, draw words in context, train word
    vectors, score, derive which n-grams the models follow at which step, and draw.

    The command needs no network and no GPU. Steps that are done already are skipped.
    """
    from trailhouse.flows.settings import load_settings, prepare_prefect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    prepare_prefect(settings)
    if phases:
        demonstrate_phases(settings, size, as_json=as_json)
        return
    from trailhouse.flows.run_demo import run_demo

    with progress_bars():
        report = run_demo(settings, size)
    if as_json:
        print_json(
            {
                "scoring": asdict(report.scoring),
                "evaluation": asdict(report.evaluation),
                "marts": asdict(report.marts),
                "figures": [str(file) for file in report.figures.files],
                "report": str(report.report),
                "validation_perplexity": report.perplexities.to_pylist(),
                "trend_shares": report.trend_shares.to_pylist(),
                "task_accuracies": report.accuracies.to_pylist(),
                "generation": None if report.generation is None else asdict(report.generation.generation),
                "generation_scaling": report.scaling.to_pylist(),
            }
        )
    else:
        perplexities = pivot(leave_out_suite(report.perplexities), ["step"], "model", "perplexity")
        print_table(perplexities, title="Validation perplexity by step and model")
        shares = pivot(leave_out_suite(report.trend_shares), ["model", "category"], "start_percent", "token_percent")
        print_table(shares, title="Tokens (%) by trend, for every start of the trend (% of training)")
        columns = ["task_id", "accuracy_ratio", "accuracy_lower", "accuracy_upper", "chance_accuracy_ratio"]
        accuracies = report.accuracies.select(columns)
        print_table(accuracies, title="Accuracy of the largest model at its last checkpoint, 2 exemplars")
        columns = ["decoding_name", "sampling_name", "spearman", "spearman_lower", "spearman_upper", "verdict"]
        print_table(report.scaling.select(columns), title="Perplexity of generated texts and the size of the models")
    for row in report.scaling.to_pylist():
        if row["decoding_name"] == "ps-pl":
            say(describe_scaling(row))
    say(f"figures: {report.figures.page}; report: {report.report}")


def demonstrate_phases(settings: Settings, size: Literal["full", "reduced"], *, as_json: bool) -> None:
    """Run the demonstration of phases, and print what it found for the words in context."""
    import pyarrow.compute as pc

    from trailhouse.flows.run_phase_demo import WORD_CORPUS, run_phase_demo

    with progress_bars():
        report = run_phase_demo(settings, size)
    answers = {"peaks": report.peaks, "order": report.order, "variance": report.variance}
    found = {
        name: answer.filter(pc.equal(answer["corpus_id"].cast("string"), WORD_CORPUS))
        for name, answer in answers.items()
    }
    for name in ("peaks", "order"):  # tokens are in the answers, too
        found[name] = found[name].filter(pc.equal(found[name]["unit"].cast("string"), "word"))
    if as_json:
        print_json(
            {
                "words": asdict(report.words),
                "phases": asdict(report.phases),
                "marts": asdict(report.marts),
                "figures": [str(file) for drawing in report.figures for file in drawing.files],
                **{name: answer.to_pylist() for name, answer in answers.items()},
            }
        )
    else:
        peaks = pivot(leave_out_suite(found["peaks"]), ["model"], "ngram_order", "peak_step")
        print_table(peaks, title="Step at which the correlation with n-grams peaks, by order n")
        regressions = found["variance"]["regression_id"].to_pylist()
        variance = found["variance"].filter(pc.equal(found["variance"]["regression_id"].cast("string"), regressions[0]))
        explained = pivot(leave_out_suite(variance), ["step"], "model", "r_squared_validation")
        print_table(explained, title="R² on validation words of 1-grams, 5-grams and similarity, by step")
    for row in found["order"].to_pylist():
        say(describe_order(row))
    for drawing in report.figures:
        say(f"figures: {drawing.page}")


def leave_out_suite(rows: pa.Table) -> pa.Table:
    """Return the rows with the column ``model``, the name of the model in its suite, in place of ``model_id``."""
    names = [str(model_id).partition("/")[2] for model_id in rows["model_id"].to_pylist()]
    return rows.set_column(rows.column_names.index("model_id"), "model", [names])


def describe_order(row: dict[str, Any]) -> str:
    """Return a sentence that says whether the phases of a model come in the order of n."""
    sentence = {
        "in order": "the correlations with longer n-grams peak no earlier than those with shorter ones",
        "not in order": "the correlations do not peak in the order of n",
    }.get(row["verdict"], "it cannot be told whether the correlations peak in the order of n")
    steps = row["peak_steps_by_order"]
    share = "" if row["in_order_share"] is None else f", in order in {100 * row['in_order_share']:.0f} % of replicates"
    return f"{row['model_id']}: {sentence} (peaks at steps {steps}{share})"


def describe_scaling(row: dict[str, Any]) -> str:
    """Return a sentence that says whether the perplexity of a generation's texts rises with model size."""
    sentence = {
        "inverse": "scale inversely here: larger models find them less probable",
        "regular": "do not scale inversely here: larger models find them more probable",
    }.get(row["verdict"], "show no clear scaling here")
    steadily = " at every step in size" if row["is_strictly_increasing"] else ""
    correlation = (
        ""
        if row["spearman"] is None
        else f" (Spearman {row['spearman']:.2f} over {count_of(row['model_count'], 'model')})"
    )
    return f"texts of ps-pl, {row['sampling_name']}, {sentence}{steadily}{correlation}"
