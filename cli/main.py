"""The ``trailhouse`` command with its subcommands. It prints an error as two lines on stderr and sets the exit code."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from trailhouse import __version__
from trailhouse.cli.commands import (
    ask,
    audit,
    backup,
    config,
    corpus,
    corrupt,
    dashboards,
    demo,
    doctor,
    evaluate,
    figures,
    generate,
    import_,
    init,
    init_env,
    notify,
    phases,
    publish,
    report,
    restore,
    score,
    serve,
    show_passage,
    sql,
    status,
    stop,
    suite,
    task,
    transform,
    watch,
)
from trailhouse.cli.console import Notes, messages, say
from trailhouse.errors import PartialError, TrailhouseError
from trailhouse.support.progress import listening

EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A data warehouse for the training trajectories of language models.\n\n"
    "Start with `trailhouse demo`: it trains three small models, scores their checkpoints, derives the marts and"
    " draws the figures and writes a report.\n\n"
    "Exit codes: 0 ok, 1 internal error, 2 usage or configuration, 3 bad input, 4 partial success,"
    " 5 unreachable, 130 interrupted.",
)


def show_version(value: bool) -> None:
    """Print the version and exit."""
    if value:
        typer.echo(f"trailhouse {__version__}")
        raise typer.Exit


@app.callback()
def accept_global_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Accept the options that stand before the subcommand, such as ``--debug``."""


for command in (
    demo.demo,
    init.init,
    serve.serve,
    stop.stop,
    init_env.init_env,
    audit.audit,
    backup.backup,
    restore.restore,
    doctor.doctor,
    score.score,
    evaluate.evaluate,
    corrupt.corrupt,
    generate.generate,
    transform.transform,
    watch.watch,
    notify.notify,
    figures.figures,
    report.report,
    ask.ask,
    sql.sql,
    status.status,
    show_passage.show_passage,
    publish.publish,
):
    app.command()(command)
app.add_typer(suite.suite_app, name="suite")
app.add_typer(corpus.corpus_app, name="corpus")
app.add_typer(task.task_app, name="task")
app.add_typer(phases.phases_app, name="phases")
app.add_typer(import_.import_app, name="import")
app.add_typer(dashboards.dashboards_app, name="dashboards")
app.add_typer(config.config_app, name="config")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the exit code of the error, or with 0. SIGTERM interrupts it like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code. The traceback of an error is shown only with ``--debug``."""
    logging.getLogger().addHandler(logging.NullHandler())  # prevents a library of dbt from printing to the terminal
    try:
        with listening(Notes()):
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
    """Print on stderr that the command was interrupted. Returns the exit code of an interruption."""
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
