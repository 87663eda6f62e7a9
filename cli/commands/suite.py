"""``trailhouse suite``: list, show and add declarations of suites, which are families of models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_json, print_rows, say
from trailhouse.cli.options import BatchTokensOption, JsonOption, PlannedStepsOption
from trailhouse.errors import UsageError
from trailhouse.support.files import replacing
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.models.checkpoints.suite import Suite

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
    path: Annotated[
        Path,
        typer.Argument(help="Folder with checkpoints of one model or several, or a YAML declaration.", exists=True),
    ],
    name: Annotated[str | None, typer.Option(help="Name of the suite. [default: that of the folder]")] = None,
    batch_tokens: BatchTokensOption = None,
    planned_steps: PlannedStepsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Declare the models in a folder as a suite, or add a YAML declaration.

    A folder is searched for checkpoints: folders such as checkpoint-1000, step1000 or 1000, each with config.json and
    weights. They lie in the folder itself, or in a folder for each model. What is found is shown, and written as a YAML
    declaration with comments to the directory of suites. Correct the file if something in it is wrong.

    A YAML declaration is checked and copied to the directory of suites.
    """
    if path.is_dir():
        add_folder(path, name, batch_tokens, planned_steps, as_json=as_json)
        return
    if (name, batch_tokens, planned_steps) != (None, None, None):
        raise UsageError(f"{path} declares the suite, and an option is given too", "write it into the file")
    suite, target = copy_declaration(path)
    if as_json:
        print_json({"suite": suite.suite_id, "file": str(target), "models": [one.model_name for one in suite.models]})
    say(f"suite {suite.suite_id} with {count_of(len(suite.models), 'model')} is in {target}")


def add_folder(
    directory: Path, name: str | None, batch_tokens: int | None, planned_steps: int | None, *, as_json: bool
) -> None:
    """Declare the models in a folder, and show what was found."""
    import pyarrow as pa

    from trailhouse.flows.add_suite import GivenFacts, add_found_suite
    from trailhouse.flows.settings import load_settings

    added = add_found_suite(directory, load_settings(), name, GivenFacts(batch_tokens, planned_steps))
    rows = [
        {
            "model": model.name,
            "checkpoints": len(model.found.checkpoints),
            "first_step": min(model.found.checkpoints),
            "last_step": max(model.found.checkpoints),
            "step_pattern": model.found.step_pattern,
            "batch_tokens": model.batch_tokens.value,
            "planned_steps": model.planned_steps.value,
            "context_length": model.context_length.value,
            "seed": None if model.seed is None else model.seed.value,
        }
        for model in added.models
    ]
    suite_id = added.suite.suite_id
    if as_json:
        print_json({"suite": suite_id, "file": str(added.file), "models": rows})
    else:
        print_rows(pa.Table.from_pylist(rows), as_json=False)
    there = "is in" if added.is_new else "was already in"
    models = count_of(len(added.suite.models), "model")
    say(f"suite {suite_id} with {models} {there} {added.file}; its comments say where values come from")
    say(f"next: trailhouse score {suite_id} --corpus CORPUS")


def copy_declaration(file: Path) -> tuple[Suite, Path]:
    """Check a declaration, copy it to the directory of suites, and return the suite and the copy.

    Raises BadInputError if a location does not exist. Raises UsageError if another declaration has its name, or if the
    copy would mean another directory.
    """
    from trailhouse.flows.settings import load_settings
    from trailhouse.models.checkpoints.suite import load_suite, require_locations

    suite = load_suite(file)
    require_locations(suite)
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
    return suite, target
