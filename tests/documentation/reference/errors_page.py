"""The page of exit codes and of the errors that have them."""

from __future__ import annotations

import inspect

from tests.documentation.reference.markdown import write_introduction, write_table, write_text
from trailhouse import errors
from trailhouse.cli.main import EXIT_INTERNAL, EXIT_INTERRUPTED

INTRODUCTION = """\
An error that a user can correct is two lines on stderr: what was wrong and where, and a hint what to do next.

    error: there is no suite called 'my-rum'
      hint: did you mean 'my-run'? see `trailhouse suite list`

The exit code says what kind of error it was, so that scripts can tell them apart. `trailhouse --debug ...` also prints
the traceback. Notes and progress are on stderr, too, and the result is on stdout.
"""
OTHER_CODES = (
    (0, "", "Success."),
    (EXIT_INTERNAL, "", "An internal error: a defect of Trailhouse. Run the command with `--debug`, and report it."),
    (EXIT_INTERRUPTED, "", "Ctrl-C or SIGTERM interrupted the command. Run it again: it resumes where it stopped."),
)


def write_errors_page() -> str:
    """Return the page of exit codes, from the classes in ``trailhouse/errors.py``."""
    classes = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.TrailhouseError) and value is not errors.TrailhouseError
    ]
    described = [
        (one.exit_code, f"`{one.__name__}`", write_text((inspect.getdoc(one) or "").replace("``", "`")))
        for one in classes
    ]
    rows = sorted((*OTHER_CODES, *described), key=lambda row: row[0])
    table = write_table(("code", "error in `trailhouse.errors`", "meaning"), [(str(c), n, m) for c, n, m in rows])
    return f"{write_introduction('Errors and exit codes', INTRODUCTION)}\n{table}"
