"""The flow that derives the marts from the raw tables, by ``dbt build``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import cast
from uuid import uuid4

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.nodes import ModelNode, SeedNode
from dbt_common.events.base_types import EventMsg
from prefect import flow
from prefect.artifacts import create_table_artifact

from trailhouse.errors import BadInputError, TrailhouseError
from trailhouse.flows.build_plan import (
    BuildPlan,
    building_alone,
    plan_build,
    project_directory,
    write_record,
)
from trailhouse.flows.build_report import BuildReport, add_data_facts, choose_variables
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.support.progress import report_progress
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.failures import explain_message
from trailhouse.warehouse.loading.build_record import begin_build, finish_build
from trailhouse.warehouse.schema.initialisation import require_schema

# Keys: the events that dbt sends when a node is finished. Values: the field of the event with the total node count.
NODE_EVENTS = {"LogModelResult": "total", "LogSeedResult": "total", "LogTestResult": "num_models"}


@flow(name="build_marts", validate_parameters=False, persist_result=False)
def build_marts(
    select: tuple[str, ...] = (),
    settings: Settings | None = None,
    *,
    full_refresh: bool = False,
    includes_damaged: bool = False,
    is_everything: bool = False,
) -> BuildReport:
    """Run ``dbt build``: build seeds and models and test their data, as far as raw tables changed since the last build.

    ``plan_build`` finds what changed. With ``is_everything`` or ``full_refresh``, all seeds, models and tests are run;
    incremental models still derive only changed rows, unless ``full_refresh`` rebuilds them completely. dbt's unit
    tests are left out, because they test the SQL of Trailhouse and not the data of the warehouse.

    ``select`` is dbt's node selection; it is built whether or not anything changed. ``includes_damaged`` derives the
    marts from damaged checkpoints too. Raises BadInputError if dbt refuses the selection, and UsageError if the
    warehouse lacks a migration. Raises TrailhouseError, which names the first failed node, if a model or test failed.
    """
    settings = settings or load_settings()
    address = resolve_address(settings)
    with connect(address) as client:
        require_schema(client)
    variables = choose_variables(includes_damaged=includes_damaged)
    with building_alone(settings):
        plan = plan_build(address, variables)
        if select or full_refresh or is_everything:
            plan = replace(plan, is_everything=True, reason="asked for", changed_tables=())
        if plan.is_nothing:
            return add_data_facts(BuildReport(0, 0, 0, 0.0), address, includes_damaged=includes_damaged)
        build_id = uuid4()
        with connect(address) as client:
            begin_build(client, build_id)
        export_address(address)
        result = dbtRunner(callbacks=[report_node]).invoke(
            [*write_arguments(plan, select, variables, full_refresh=full_refresh), *project_arguments(settings)]
        )
        report, built_tables = read_result(result)
        if select and report.model_count + report.seed_count + report.test_count == 0:
            raise BadInputError(
                f"nothing in the dbt project matches {' '.join(select)}", "see dbt/models for the names"
            )
        if not select:
            record = write_record(address, plan.inputs, {*plan.derived_tables, *built_tables})
            with connect(address) as client:
                finish_build(client, build_id, record)
    report = replace(report, reason=plan.reason, changed_tables=plan.changed_tables)
    return add_data_facts(report, address, includes_damaged=includes_damaged)


def write_arguments(
    plan: BuildPlan, select: tuple[str, ...], variables: Mapping[str, object], *, full_refresh: bool
) -> list[str]:
    """Return the arguments of dbt that say what is built and tested."""
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if select:
        # "buildable" leaves out tests that also read an unselected mart, because that mart may not be built yet.
        arguments += ["--select", *select, "--indirect-selection", "buildable"]
    elif plan.changed_tables:
        # All marts are there, so every test that reads a changed one is run.
        arguments += ["--select", *plan.selection, "--indirect-selection", "eager"]
    if full_refresh:
        arguments.append("--full-refresh")
    if variables:
        arguments += ["--vars", json.dumps(variables)]
    return arguments


def project_arguments(settings: Settings) -> list[str]:
    """Return dbt's arguments for the project directory and for the output directories.

    The output directories are in the data directory, so that dbt writes nothing to the installed package.
    """
    project = project_directory()
    state = (settings.data_directory / "dbt").resolve()
    return [
        f"--project-dir={project}",
        f"--profiles-dir={project}",
        f"--target-path={state / 'target'}",
        f"--log-path={state / 'logs'}",
        "--no-use-colors",
        "--log-level=none",
        "--no-send-anonymous-usage-stats",
    ]


def export_address(address: WarehouseAddress) -> None:
    """Store the address of the warehouse in environment variables, where dbt's profile reads it."""
    os.environ.update(
        TRAILHOUSE_DBT_HOST=address.host,
        TRAILHOUSE_DBT_PORT=str(address.port),
        TRAILHOUSE_DBT_SECURE=str(address.is_secure).lower(),
        TRAILHOUSE_DBT_USER=address.user,
        TRAILHOUSE_DBT_PASSWORD=address.password,
        TRAILHOUSE_DBT_DATABASE=address.database,
        TRAILHOUSE_DBT_CLUSTER=address.cluster,
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )


def report_node(event: EventMsg) -> None:
    """Report progress when dbt has finished a node."""
    if event.info.name in NODE_EVENTS:
        total = getattr(event.data, NODE_EVENTS[event.info.name])
        report_progress("Transforming", event.data.index, total, event.data.node_info.node_name)


def read_result(result: dbtRunnerResult) -> tuple[BuildReport, list[str]]:
    """Return how many nodes dbt built, and the names of the built tables and views.

    A table of the nodes is stored as a Prefect artifact.

    Raises UnreachableError if the warehouse stopped answering. Raises BadInputError if dbt refused to run, and
    TrailhouseError if a node failed.
    """
    if result.exception is not None:
        if not isinstance(result.exception, Exception):  # Ctrl-C or SIGTERM
            raise result.exception
        if (failure := explain_message(str(result.exception))) is not None:
            raise failure
        refusal = BadInputError(f"dbt refused: {' '.join(str(result.exception).split())}", "correct the selection")
        raise refusal from result.exception
    run = cast(RunExecutionResult, result.result)
    nodes = list(run.results)
    create_table_artifact(
        [
            {
                "node": n.node.name,
                "type": str(n.node.resource_type),
                "status": str(n.status),
                "seconds": n.execution_time,
            }
            for n in nodes
        ],
        key="dbt-build",
        description="Nodes of the dbt build",
    )
    failed = [node for node in nodes if str(node.status) in ("error", "fail", "runtime error")]
    if failed:
        for node in failed:
            if (failure := explain_message(str(node.message))) is not None:
                raise failure
        reason = " ".join(str(failed[0].message).split()).partition(" > in macro ")[0]
        raise TrailhouseError(
            f"{len(failed)} of {count_of(len(nodes), 'dbt node')} failed; the first is {failed[0].node.name}: {reason}",
            "see data/dbt/logs/dbt.log",
        )
    types = [str(node.node.resource_type) for node in nodes]
    report = BuildReport(
        model_count=types.count("model"),
        seed_count=types.count("seed"),
        test_count=types.count("test"),
        duration_seconds=run.elapsed_time,
    )
    return report, [node.node.alias for node in nodes if isinstance(node.node, ModelNode | SeedNode)]
