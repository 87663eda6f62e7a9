"""The flow that imports evaluation results of other programs and assigns them to checkpoints of the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clickhouse_connect.driver.client import Client
from prefect import flow
from prefect.artifacts import create_table_artifact

from trailhouse.errors import BadInputError, PartialError, TrailhouseError
from trailhouse.flows.imports.samples import CheckpointSamples, SamplesImport, SamplesReport
from trailhouse.flows.pipeline.declared_suites import suite_directories
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite, list_suites
from trailhouse.support.progress import report_progress
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.imports.checkpoint_from_name import compile_path_pattern, parse_model_name, parse_step
from trailhouse.warehouse.imports.eval_results import load_results
from trailhouse.warehouse.imports.json_files import read_json
from trailhouse.warehouse.imports.lm_eval.result_files import (
    ResultFile,
    is_result_file,
    list_result_files,
    parse_result_file,
    read_result_file,
)
from trailhouse.warehouse.imports.lm_eval.samples_files import find_result_file, list_samples_files
from trailhouse.warehouse.imports.registered_models import (
    match_model,
    read_registered_models,
    register_imported_model,
)
from trailhouse.warehouse.schema.initialisation import initialise
from trailhouse.warehouse.schema.migrations import packaged_migrations, read_migrations

IMPORTED_SUITE = "imported"


@dataclass(frozen=True)
class Naming:
    """What the user states about the imported files. If a field is None, its value is taken from each file."""

    model: str | None = None
    """Name or id of a registered model, or the id `suite/name` of a new model."""
    step: int | None = None
    pattern: str | None = None
    """Regular expression for the path of a file, with a group ``model``, a group ``step`` or both."""
    parameter_count: int | None = None
    batch_tokens: int | None = None
    tokenizer_directory: Path | None = None
    """Directory of the tokenizer that counts the tokens of options in samples files."""


@dataclass(frozen=True)
class NamedResult:
    """A result file with the name of the evaluated model and the step of its checkpoint."""

    result: ResultFile
    model_name: str
    step: int
    samples_files: dict[Path, str] = field(default_factory=dict)
    """Samples files that the run of the result file wrote. The value of each file is its task."""


@dataclass(frozen=True)
class ImportReport:
    """What one import of result files did."""

    file_count: int
    checkpoint_count: int
    metric_count: int
    changed_count: int
    """Number of metrics that were not in the warehouse yet, or differed from the stored metric."""
    not_finite_count: int
    """Number of metrics that were left out because they are NaN or infinite."""
    models: list[str]
    new_models: list[str]
    samples_file_count: int
    evaluation_count: int
    """Number of evaluations whose option scores were new or changed. An evaluation is one task at one checkpoint."""
    option_count: int
    uncounted_samples_file_count: int
    """Number of samples files whose options have no token counts because no tokenizer is known."""
    other_samples_file_count: int
    """Number of samples files that were left out because their tasks are not multiple choice."""
    replaced_tasks: list[str]
    """Tasks whose items differ from those of an earlier import."""


@flow(name="import_results", validate_parameters=False, persist_result=False)
def import_results(
    paths: tuple[Path, ...], naming: Naming | None = None, settings: Settings | None = None
) -> ImportReport:
    """Import result files of lm-evaluation-harness. Results that are in the warehouse are not written again.

    If only some files can be used, these files are imported and PartialError is raised. If no file can be used,
    BadInputError is raised. The error names the first unusable file and its wrong field.
    """
    settings, naming = settings or load_settings(), naming or Naming()
    named, errors = read_named_results(paths, naming)
    if not named:
        raise errors[0] if errors else BadInputError("no file holds results", "give files with a field `results`")
    address = resolve_address(settings)
    initialise(address, read_migrations(packaged_migrations()))
    with connect(address) as client:
        model_ids, new_models = resolve_models(client, named, naming, settings)
        located = [(entry.result, model_ids[entry.model_name], entry.step) for entry in named]
        changed_count = load_results(client, located)
        samples = import_samples(client, named, model_ids, naming)
    errors = [*errors, *samples.errors]
    file_count = len(named) + samples.file_count
    report = ImportReport(
        file_count=len(named),
        checkpoint_count=len({(model_id, step) for _, model_id, step in located}),
        metric_count=sum(len(entry.result.metrics) for entry in named),
        changed_count=changed_count,
        not_finite_count=sum(entry.result.not_finite_count for entry in named),
        models=sorted(set(model_ids.values())),
        new_models=new_models,
        samples_file_count=samples.file_count,
        evaluation_count=samples.imported_count,
        option_count=samples.option_count,
        uncounted_samples_file_count=samples.uncounted_file_count,
        other_samples_file_count=samples.other_file_count,
        replaced_tasks=sorted(set(samples.replaced_tasks)),
    )
    record_import(located)
    if errors:
        raise PartialError(
            f"left out: {len(errors)} of {count_of(file_count + len(errors) - len(samples.errors), 'file')};"
            f" the first: {errors[0].message}",
            f"the others are imported; {errors[0].hint}",
        )
    return report


def read_named_results(paths: tuple[Path, ...], naming: Naming) -> tuple[list[NamedResult], list[TrailhouseError]]:
    """Read every result file, and find its model and step. Returns the results, and the errors of unusable files.

    A JSON file without results counts as unusable only if the file itself is in ``paths``. If only its directory is in
    ``paths``, the file is skipped without an error.
    """
    pattern = None if naming.pattern is None else compile_path_pattern(naming.pattern)
    samples_files = {path for path in paths if path.suffix == ".jsonl" and path.is_file()}
    paths = tuple(find_own_results(path) if path in samples_files else path for path in paths)
    files = list_result_files(paths)
    named: list[NamedResult] = []
    errors: list[TrailhouseError] = []
    for index, file in enumerate(files):
        report_progress("Reading", index, len(files), file.name)
        try:
            top = read_json(file)
            if is_result_file(top) or file in paths:
                found = pattern.search(str(file)) if pattern is not None else None
                entry = name_result(parse_result_file(top), found.groupdict() if found else {}, naming)
                beside = list_samples_files(file, list({metric.task_id for metric in entry.result.metrics}))
                wanted = samples_files & beside.keys() or beside.keys()
                named.append(replace(entry, samples_files={path: beside[path] for path in beside if path in wanted}))
        except BadInputError as error:
            errors.append(error)
    report_progress("Reading", len(files), len(files))
    return named, errors


def find_own_results(samples_file: Path) -> Path:
    """Return the result file of the run that wrote a samples file. Both files are in the same directory.

    Raises BadInputError if the directory has no such result file, or if this file has no task of the samples file.
    """
    found = find_result_file(samples_file)
    if found is None:
        raise BadInputError(
            f"{samples_file}: the result file of the same run is not beside it",
            "put it there: it says which model was evaluated, with how many exemplars",
        )
    task_names = {metric.task_id for metric in read_result_file(found).metrics}
    if samples_file not in list_samples_files(found, sorted(task_names)):
        raise BadInputError(
            f"{samples_file}: is no samples file of a task in {found.name}",
            "give a file samples_TASK_TIME.jsonl, as `lm_eval --log_samples` writes it",
        )
    return found


def import_samples(
    client: Client, named: list[NamedResult], model_ids: dict[str, str], naming: Naming
) -> SamplesReport:
    """Import the samples files of all runs, the newest run first."""
    samples = SamplesImport(client)
    runs = sorted(
        (entry for entry in named if entry.samples_files),
        key=lambda entry: entry.result.evaluated_at_seconds,
        reverse=True,
    )
    for index, entry in enumerate(runs):
        report_progress("Samples", index, len(runs), entry.result.file.name)
        tokenizer = naming.tokenizer_directory or find_local_tokenizer(entry.result)
        model_id = model_ids[entry.model_name]
        samples.add(CheckpointSamples(model_id, entry.step, entry.result.file, entry.samples_files, tokenizer))
    report_progress("Samples", len(runs), len(runs))
    return samples.report


def find_local_tokenizer(result: ResultFile) -> Path | None:
    """Return the directory that the harness read the tokenizer from; None if this machine has no such directory."""
    directory = Path(result.tokenizer) if result.tokenizer else None
    return directory if directory is not None and any(directory.glob("*token*.json")) else None


def name_result(result: ResultFile, from_path: dict[str, str | None], naming: Naming) -> NamedResult:
    """Find the model and the step of a result file.

    Four sources are searched in this order: the options of the user in ``naming``, the groups ``from_path`` that the
    user's pattern found in the path, the content of the file, and the path without a pattern. The model is taken from
    the first source that states a model, and the step from the first source that states a step. Raises BadInputError,
    which names the file, if no source states the model or the step.
    """
    model = naming.model or from_path.get("model") or result.model_name or parse_model_name(str(result.file.parent))
    stated_step = from_path.get("step")
    if stated_step is not None and not (stated_step.isdecimal() and len(stated_step) < 19):
        raise BadInputError(
            f"{result.file}: the group `step` of --pattern found {stated_step!r}", "let it match digits only"
        )
    steps = (naming.step, None if stated_step is None else int(stated_step), result.step)
    step = next((candidate for candidate in steps if candidate is not None), parse_step(str(result.file)))
    if model is None:
        raise BadInputError(f"{result.file}, field config.model_args: names no model", "say which with --model")
    if step is None:
        raise BadInputError(
            f"{result.file}, field config.model_args: no revision like step1000 says which checkpoint it is",
            "say so with --step, or with --pattern for many files",
        )
    return NamedResult(result, model, step)


def resolve_models(
    client: Client, named: list[NamedResult], naming: Naming, settings: Settings
) -> tuple[dict[str, str], list[str]]:
    """Find the model of every model name in ``named``, and register models that are new.

    A name refers to the registered model of this name. If no model of this name is registered, the name refers to the
    model that a suite declares under this name. If no suite declares the name, a new model is registered; see
    ``register_model``. Returns the model_ids by name, and the ids of the new models.
    """
    known = read_registered_models(client)
    suites = list_suites(suite_directories(settings))
    model_ids: dict[str, str] = {}
    new_models: list[str] = []
    for name in dict.fromkeys(entry.model_name for entry in named):
        model_id = match_model(name, known)
        declared = find_declared_model(name, suites) if model_id is None else None
        if declared is not None:  # a suite may register the model under another name than the results state
            model_id = match_model(f"{declared[0].suite_id}/{declared[1].model_name}", known)
        if model_id is None:
            stated = [entry.result.parameter_count for entry in named if entry.model_name == name]
            parameter_count = naming.parameter_count or next((count for count in stated if count), 0)
            model_id = register_model(client, name, declared, parameter_count, naming)
            new_models.append(model_id)
        model_ids[name] = model_id
    return model_ids, new_models


DeclaredModel = tuple[Suite, ModelDeclaration]


def find_declared_model(name: str, suites: Sequence[Suite]) -> DeclaredModel | None:
    """Return the model that a suite declares under this name or id.

    If there is none, return a declared model whose hub repository has this name. If there is none either, return None.
    """
    wanted = name.casefold()
    models = [(suite, model) for suite in suites for model in suite.models]
    for suite, model in models:
        if wanted in (model.model_name.casefold(), f"{suite.suite_id}/{model.model_name}".casefold()):
            return suite, model
    for suite, model in models:
        if model.source == "hub" and wanted == model.location.rpartition("/")[2].casefold():
            return suite, model
    return None


def register_model(
    client: Client, name: str, declared: DeclaredModel | None, parameter_count: int, naming: Naming
) -> str:
    """Register a model, and return its id.

    The model belongs to the suite that declares it. If no suite declares the model, the suite is taken from the
    model's name `suite/name`. If the name has no suite, the model belongs to the suite `imported`.
    """
    if declared is not None:
        suite, model = declared
        suite_record = {
            "suite_id": suite.suite_id,
            "description": suite.description,
            "source": suite.source,
            "declaration": suite.declaration,
        }
        record = model_record(suite.suite_id, model.model_name, parameter_count, model.batch_tokens)
        record |= {"planned_steps": model.planned_steps, "context_length": model.context_length}
        register_imported_model(client, suite_record, record)
        return f"{suite.suite_id}/{model.model_name}"
    suite_id, _, model_name = name.rpartition("/")
    suite_id = suite_id or IMPORTED_SUITE
    suite_record = {
        "suite_id": suite_id,
        "description": "Models that are known from imported evaluation results",
        "source": "import",
        "declaration": "",
    }
    register_imported_model(
        client, suite_record, model_record(suite_id, model_name, parameter_count, naming.batch_tokens or 0)
    )
    return f"{suite_id}/{model_name}"


def model_record(suite_id: str, model_name: str, parameter_count: int, batch_tokens: int) -> dict[str, object]:
    """Return the row of raw_model for a model that is not registered yet. Unknown numbers are 0."""
    return {
        "model_id": f"{suite_id}/{model_name}",
        "suite_id": suite_id,
        "model_name": model_name,
        "parameter_count": parameter_count,
        "batch_tokens": batch_tokens,
        "planned_steps": 0,
        "context_length": 0,
    }


def record_import(located: list[tuple[ResultFile, str, int]]) -> None:
    """Store a table with one row per result file as a Prefect artifact."""
    create_table_artifact(
        [
            {"file": str(result.file), "model": model_id, "step": step, "metrics": len(result.metrics)}
            for result, model_id, step in located
        ],
        key="import-results",
        description="Imported result files",
    )
