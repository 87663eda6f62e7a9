"""``trailhouse doctor``: find problems of an installation, and give a hint for each."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import print_rows, progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.errors import PartialError
from trailhouse.support.wording import count_of

if TYPE_CHECKING:
    from trailhouse.flows.settings import Settings


def doctor(
    compare: Annotated[
        str | None, typer.Option("--compare", help="Compare the answers of the ClickHouse server at this URL instead.")
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Check the installation and the warehouse, and print each problem with a hint.

    The exit code is 4 if there is a problem.

    With --compare, 2,000 queries are run on the warehouse and on another ClickHouse server, and the answers of the two
    servers are compared byte for byte. The user and password of the other server are read from its URL, or from
    TRAILHOUSE_WAREHOUSE_USER and TRAILHOUSE_WAREHOUSE_PASSWORD.
    """
    import pyarrow as pa

    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    if compare is not None:
        report_differences(settings, compare, as_json=as_json)
        return
    from trailhouse.flows.examine_installation import examine

    findings = examine(settings)
    print_rows(pa.Table.from_pylist([asdict(finding) for finding in findings]), as_json=as_json)
    problems = [finding for finding in findings if finding.verdict == "problem"]
    if problems:
        raise PartialError(f"{len(problems)} of {count_of(len(findings), 'check')} found a problem", problems[0].hint)


def report_differences(settings: Settings, url: str, *, as_json: bool) -> None:
    """Send the same queries to the warehouse and to the server at ``url``, and print the answers that differ.

    Raises PartialError if the servers answer any query differently.
    """
    import pyarrow as pa

    from trailhouse.flows.examine_installation import compare_servers

    with progress_bars():
        count, differences = compare_servers(settings, url)
    if differences:
        print_rows(pa.Table.from_pylist([asdict(difference) for difference in differences]), as_json=as_json)
        raise PartialError(
            f"different answers: {len(differences)} of {count}", "use the engine version the embedded server has"
        )
    say(f"{count_of(count, 'answer')} compared and found the same, byte for byte")
