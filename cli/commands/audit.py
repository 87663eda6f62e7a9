"""``trailhouse audit``: find missing, damaged, duplicated or changed checkpoints of a suite."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, print_table, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, SuiteArgument, WarehouseUrlOption
from trailhouse.support.wording import count_of


def audit(
    suite: SuiteArgument,
    skip_values: Annotated[
        bool, typer.Option("--skip-values", help="Do not search local weights for NaN and infinity.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Find checkpoints of a suite that are missing, damaged, duplicated or changed.

    If the checkpoints are on the Hugging Face Hub, only their metadata is read. The exit code is 4 if any checkpoint
    has a problem.
    """
    import pyarrow as pa

    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    from trailhouse.flows.audit_checkpoints import audit_checkpoints

    with progress_bars():
        report = audit_checkpoints(suite, settings, are_values_read=not skip_values)
    if as_json:
        print_json(
            {
                "suite": report.suite_id,
                "checkpoints": report.checkpoint_count,
                "wrong": report.wrong_count,
                "findings": [asdict(finding) for finding in report.noted],
            }
        )
    elif report.noted:
        columns = ("model_id", "step", "check_name", "status", "message")
        rows = [{name: asdict(finding)[name] for name in columns} for finding in report.noted]
        print_table(pa.Table.from_pylist(rows))
    say(
        f"{count_of(report.checkpoint_count, 'checkpoint')} of {report.suite_id} audited,"
        f" {report.wrong_count} with something wrong"
    )
    report.raise_if_wrong()
