"""The ``trailhouse`` command with its subcommands. It prints an error as two lines on stderr and sets the exit code."""

from __future__ import annotations

import errno
import logging
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from trailhouse import __version__
from trailhouse.cli.console import ProgressLines, messages, say
from trailhouse.errors import PartialError, TrailhouseError, UnreachableError
from trailhouse.support.progress import listening

EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

# Commands in the order of the help text: the module in cli/commands, and its function or group of commands.
COMMANDS = {
    "demo": "demo.demo",
    "quickstart": "quickstart.quickstart",
    "init": "init.init",
    "serve": "serve.serve",
    "stop": "stop.stop",
    "init-env": "init_env.init_env",
    "audit": "audit.audit",
    "backup": "backup.backup",
    "restore": "restore.restore",
    "doctor": "doctor.doctor",
    "score": "score.score",
    "evaluate": "evaluate.evaluate",
    "corrupt": "corrupt.corrupt",
    "generate": "generate.generate",
    "transform": "transform.transform",
    "watch": "watch.watch",
    "notify": "notify.notify",
    "figures": "figures.figures",
    "report": "report.report",
    "ask": "ask.ask",
    "sql": "sql.sql",
    "status": "status.status",
    "show-passage": "show_passage.show_passage",
    "publish": "publish.publish",
    "suite": "suite.suite_app",
    "corpus": "corpus.corpus_app",
    "task": "task.task_app",
    "phases": "phases.phases_app",
    "import": "import_.import_app",
    "dashboards": "dashboards.dashboards_app",
    "config": "config.config_app",
}
DESCRIPTION = (
    "A data warehouse for the training trajectories of language models.\n\n"
    "Start with `trailhouse quickstart FOLDER`, where FOLDER holds your checkpoints, or with `trailhouse demo`, which"
    " trains three small models. Both score the checkpoints, derive the marts and write a report.\n\n"
    "Exit codes: 0 ok, 1 internal error, 2 usage or configuration, 3 bad input, 4 partial success,"
    " 5 unreachable, 130 interrupted."
)


def show_version(value: bool) -> None:
    """Print the version and exit."""
    if value:
        typer.echo(f"trailhouse {__version__}")
        raise typer.Exit


def accept_global_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Accept the options that stand before the subcommand, such as ``--debug``."""


def make_app(names: Iterable[str]) -> typer.Typer:
    """Return the command line with the commands of these names."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=DESCRIPTION,
    )
    app.callback()(accept_global_options)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(".")
        command = getattr(import_module(f"trailhouse.cli.commands.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def choose_commands(arguments: Sequence[str]) -> Iterable[str]:
    """Return the command that the arguments name, alone, because all of them take long to import; else all commands."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    return words[:1] if words and words[0] in COMMANDS else COMMANDS


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the exit code of the error, or with 0. SIGTERM interrupts it like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code. The traceback of an error is shown only with ``--debug``."""
    logging.getLogger().addHandler(logging.NullHandler())  # prevents a library of dbt from printing to the terminal
    try:
        app = make_app(choose_commands(arguments))
        with listening(ProgressLines()):  # commands that show no progress still tell their notes
            result = app(args=arguments, prog_name="trailhouse", standalone_mode=False)
    except BaseException as error:
        if was_interrupted(error):
            return report_interruption(arguments)
        if not isinstance(error, Exception):
            raise
        return explain_error(error, arguments)
    if result == EXIT_INTERRUPTED:  # typer turns a KeyboardInterrupt into this
        return report_interruption([])
    return result if isinstance(result, int) else 0


def report_interruption(arguments: list[str]) -> int:
    """Print on stderr that the command was interrupted. Returns the exit code of an interruption.

    A command also interrupts itself if its disk is full. Then this is printed, with its own exit code.
    """
    watch = sys.modules.get("trailhouse.flows.prefect.full_disk")  # importing it here would be slow
    if watch is not None and (error := watch.find_full_disk()) is not None:
        return explain_error(error, arguments)
    return report_error("interrupted", "  hint: run it again: it resumes where it stopped", EXIT_INTERRUPTED, arguments)


def was_interrupted(error: BaseException) -> bool:
    """Return whether Ctrl-C or SIGTERM led to an error.

    A signal also reaches the servers that a command started. While the command handles the signal, it may then fail for
    another reason, such as a server that is gone. Such an error has the interruption in its chain.
    """
    prefect = sys.modules.get("prefect.exceptions")  # importing it here would be slow
    signals = (KeyboardInterrupt, Abort, *((prefect.TerminationSignal,) if prefect else ()))
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, signals):
            return True
        seen.add(id(one))
        parts = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        linked = (one.__cause__, one.__context__, *parts)
        waiting += [other for other in linked if other is not None and id(other) not in seen]
    return False


def explain_error(error: Exception, arguments: list[str]) -> int:
    """Print on stderr what was wrong and what to do next. Returns the exit code of the error."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        error = UnreachableError(f"the disk is full: {error}", "free some space and run the same command again")
    if isinstance(error, TrailhouseError):
        for line in error.failures if isinstance(error, PartialError) else ():
            say(f"failed: {line}")
        return report_error(f"error: {error.message}", f"  hint: {error.hint}", error.exit_code, arguments)
    if isinstance(error, TyperException):
        return report_error(f"error: {error.format_message()}", "  hint: see `trailhouse --help`", EXIT_USAGE, [])
    # Either the warehouse failed, or Trailhouse has a defect.
    from trailhouse.warehouse.failures import explain_failure  # imported only here, because the import is slow

    if (failure := explain_failure(error)) is not None:
        return report_error(f"error: {failure.message}", f"  hint: {failure.hint}", failure.exit_code, arguments)
    text = " ".join(str(error).split()) or "no message"
    hint = "  hint: run it again with `trailhouse --debug ...` and report the traceback"
    return report_error(f"internal error: {type(error).__name__}: {text}", hint, EXIT_INTERNAL, arguments)


def report_error(message: str, hint: str, exit_code: int, arguments: list[str]) -> int:
    """Print on stderr what was wrong and what to do next. Returns ``exit_code``."""
    if "--debug" in arguments:
        messages.print(traceback.format_exc(), markup=False, highlight=False)
    say(message)
    say(hint)
    return exit_code


if __name__ == "__main__":
    main()
