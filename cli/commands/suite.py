"""``trailhouse suite``: list, show and add declarations of suites, which are families of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, print_rows, say
from trailhouse.cli.options import JsonOption
from trailhouse.errors import UsageError
from trailhouse.support.files import replacing
from trailhouse.support.wording import count_of

suite_app = typer.Typer(no_args_is_help=True, help="Suites: families of models whose checkpoints are scored.")


@suite_app.command("list")
def list_declared(as_json: JsonOption = False) -> None:
    """List the suites that come with Trailhouse, and the suites that you have added."""
    import pyarrow as pa

    from trailhouse.flows.pipeline.declared_suites import suite_directories
    from trailhouse.flows.settings import load_settings
    from trailhouse.models.checkpoints.suite import list_suites

    rows = [
        {
            "suite": suite.suite_id,
            "source": suite.source,
            "models": len(suite.models),
            "description": suite.description,
        }
        for suite in list_suites(suite_directories(load_settings()))
    ]
    print_rows(pa.Table.from_pylist(rows), as_json=as_json)


@suite_app.command("show")
def show_declaration(
    name: Annotated[str, typer.Argument(help="Name of the suite.")], as_json: JsonOption = False
) -> None:
    """Show the models of a suite, with batch size, planned steps and the location of their checkpoints."""
    import pyarrow as pa

    from trailhouse.flows.pipeline.declared_suites import find_declared_suite
    from trailhouse.flows.settings import load_settings

    suite = find_declared_suite(name, load_settings())
    rows = [
        {
            "model": model.model_name,
            "location": str(model.location),
            "batch_tokens": model.batch_tokens,
            "planned_steps": model.planned_steps,
            "context_length": model.context_length,
            "text_beginning": model.text_beginning,
        }
        for model in suite.models
    ]
    if as_json:
        print_json({"suite": suite.suite_id, "description": suite.description, "source": suite.source, "models": rows})
        return
    say(f"{suite.suite_id}: {suite.description}")
    print_rows(pa.Table.from_pylist(rows), as_json=False)


@suite_app.command("add")
def add_declaration(
    file: Annotated[Path, typer.Argument(help="YAML declaration of the suite.", exists=True, dir_okay=False)],
) -> None:
    """Check a suite declaration and copy it to the suites directory."""
    from trailhouse.flows.settings import load_settings
    from trailhouse.models.checkpoints.suite import load_suite

    suite = load_suite(file)
    directory = load_settings().suites_directory
    target = directory / f"{suite.suite_id}.yaml"
    if target.exists() and target.read_bytes() != file.read_bytes():
        raise UsageError(f"{target} exists and differs", "give the suite another name, or edit that file")
    with replacing(target) as temporary:
        temporary.write_bytes(file.read_bytes())
        if load_suite(temporary).models != suite.models:
            raise UsageError(
                f"{file} has a relative location, which would mean another directory in {directory}",
                "make the location absolute",
            )
    say(f"suite {suite.suite_id} with {count_of(len(suite.models), 'model')} is in {target}")
