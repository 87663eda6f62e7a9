"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DataDirectoryOption = Annotated[
    Path | None, typer.Option("--data-directory", help="Embedded warehouse, suites and run history. [default: data]")
]
WarehouseUrlOption = Annotated[
    str | None,
    typer.Option("--warehouse-url", help="ClickHouse over HTTP. [default: the embedded server, started on demand]"),
]
SuiteArgument = Annotated[
    str,
    typer.Argument(
        help="Name of a suite (see `trailhouse suite list`), its YAML file, or the output directory of a Hugging Face"
        " Trainer."
    ),
]
CorpusOption = Annotated[str, typer.Option("--corpus", help="Corpus, see `trailhouse corpus list`.")]
CorporaOption = Annotated[
    list[str], typer.Option("--corpus", help="Corpus, see `trailhouse corpus list`; may be repeated.")
]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N. [default: auto]")]
DtypeOption = Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. [default: float32]")]
ContextLengthOption = Annotated[
    int | None,
    typer.Option(
        help="Context length in tokens. [default: the suite's context_length, or the model's limit if it is smaller]"
    ),
]
BatchTokensOption = Annotated[
    int | None, typer.Option(min=1, help="Tokens per training step. [default: from trainer_state.json]")
]
PlannedStepsOption = Annotated[
    int | None, typer.Option(min=1, help="Planned training steps. [default: from trainer_state.json]")
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print the result as CSV on stdout.")]
ParquetOption = Annotated[Path | None, typer.Option("--parquet", help="Write the result to this Parquet file.")]
TasksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        help="Directory or file of tasks, `lm-eval:NAME`, or `miniature`; may be repeated. [default: miniature]",
    ),
]
ShotsOption = Annotated[
    list[int] | None,
    typer.Option("--shots", min=0, help="Exemplars before the question; may be repeated. [default: 2]"),
]
RepeatPrefixOption = Annotated[
    bool, typer.Option("--repeat-task-prefix", help="Write the prefix of a task before every exemplar too.")
]
DEFAULT_TASKS = ["miniature"]
ScoreOption = Annotated[
    list[str] | None,
    typer.Option("--score", help="Suite whose checkpoints then score the new texts; may be repeated. [default: none]"),
]
