"""Ctrl-C and SIGTERM end a command as an interruption, whatever they hit."""

import errno
import itertools
import subprocess
import sys

import httpx
import pytest
from dbt.cli.main import dbtRunnerResult
from prefect.exceptions import TerminationSignal
from typer.exceptions import Abort

from trailhouse.cli import main as cli
from trailhouse.errors import BadInputError, UnreachableError
from trailhouse.flows.build_marts import read_result

# The second script handles the signal as a Prefect flow does, whose server the same signal ended.
SIGNALLED = """
import os, signal, sys, time
from types import SimpleNamespace
from trailhouse.cli import main as cli

def command() -> None:
    {body}

sys.modules["trailhouse.cli.commands.own"] = SimpleNamespace(command=command)
cli.COMMANDS["{name}"] = "own.command"
cli.main(["{name}"])
"""
BODIES = {
    "waits": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
    "flows": """
    import httpx
    from prefect.exceptions import TerminationSignal
    def stop(number, frame):
        raise TerminationSignal(number)
    signal.signal(signal.SIGTERM, stop)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    except TerminationSignal:
        raise httpx.ConnectError("All connection attempts failed")
""",
}


@pytest.mark.parametrize("name", BODIES)
def test_sigterm_ends_a_command_with_130_and_says_how_to_go_on(name):
    script = SIGNALLED.format(name=name, body=BODIES[name])
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    assert result.returncode == 130, result.stderr
    assert result.stderr.splitlines() == ["interrupted", "  hint: run it again: it resumes where it stopped"]


def chain(*errors: BaseException) -> BaseException:
    """Return the last error, raised while the one before it was handled, and so on."""
    for earlier, later in itertools.pairwise(errors):
        later.__context__ = earlier
    return errors[-1]


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        Abort(),
        TerminationSignal(15),
        chain(TerminationSignal(15), httpx.ConnectError("refused")),
        chain(KeyboardInterrupt(), OSError("refused"), UnreachableError("no server", "start it")),
        BaseExceptionGroup("both", [ValueError("a"), KeyboardInterrupt()]),
    ],
)
def test_an_error_that_an_interruption_led_to_is_one(error, monkeypatch, capfd):
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "make_app", lambda _: fail)
    assert cli.run([]) == 130
    assert capfd.readouterr().err.startswith("interrupted\n")


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UnreachableError("no server", "start it"), 5),
        (OSError(errno.ENOSPC, "No space left on device", "hashes.json"), 5),
        (chain(OSError("a"), ValueError("wrong")), 1),
    ],
)
def test_any_other_error_keeps_its_exit_code(error, exit_code, monkeypatch):
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "make_app", lambda _: fail)
    assert cli.run([]) == exit_code


def test_a_cycle_of_errors_is_followed_once():
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert not cli.was_interrupted(first)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TerminationSignal(15), SystemExit()])
def test_an_interruption_within_dbt_is_no_refusal_of_dbt(error):
    with pytest.raises(type(error)):
        read_result(dbtRunnerResult(success=False, exception=error))


def test_a_refusal_of_dbt_after_an_interruption_keeps_it_in_its_chain():
    refused = chain(TerminationSignal(15), RuntimeError("no connection left"))
    with pytest.raises(BadInputError, match="no connection left") as caught:
        read_result(dbtRunnerResult(success=False, exception=refused))
    assert cli.was_interrupted(caught.value)
