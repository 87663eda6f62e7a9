"""``trailhouse init-env``: generate the passwords of a deployment by docker compose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, say
from trailhouse.cli.options import JsonOption
from trailhouse.support.wording import count_of


def init_env(
    file: Annotated[Path, typer.Option(help="File to write the variables to.")] = Path(".env"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file and its passwords.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Generate the passwords of a deployment and write them to `.env`, which `docker compose up` reads.

    The compose files contain no default passwords, so they need the written file. Only the owner of the file can
    read it.
    """
    from trailhouse.flows.services.environment_file import write_environment_file

    names = write_environment_file(file, replace=force)
    if as_json:
        print_json({"file": str(file), "variables": names})
    say(f"wrote {count_of(len(names), 'generated password')} to {file}; next: docker compose up -d")
