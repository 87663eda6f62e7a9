"""This module prints the output of commands: data on stdout, messages and progress bars on stderr."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from trailhouse.support.files import replacing
from trailhouse.support.progress import listening
from trailhouse.support.visible_text import make_visible

# Tables are as wide as the terminal. If stdout is a pipe or file, which has no width, tables have a fixed width.
data = Console(width=None if sys.stdout.isatty() else 200)
messages = Console(stderr=True)
SECONDS_BETWEEN_LINES = 15.0


def say(message: str) -> None:
    """Print a message to the user on stderr, with invisible characters made visible."""
    messages.print(escape(make_visible(message)), highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON value on stdout."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def print_table(rows: pa.Table, title: str | None = None) -> None:
    """Print an Arrow table as a formatted table. Text in the table is never interpreted as markup."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for field in rows.schema:
        is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        table.add_column(escape(field.name), justify="right" if is_number else "left", overflow="fold")
    for row in rows.to_pylist():
        table.add_row(*(escape(format_value(value)) for value in row.values()))
    data.print(table)


def format_value(value: Any) -> str:  # noqa: ANN401  # a column can hold any type
    """Return one value as the text of a table cell, with invisible characters made visible."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return make_visible(value.decode("utf-8", errors="replace"))
    return make_visible(str(value))


def pivot(rows: pa.Table, index: Sequence[str], column: str, value: str) -> pa.Table:
    """Return a pivot table with one row per combination of values of the ``index`` columns.

    The pivot table also has one column for each distinct value in the column ``column`` of ``rows``. The cells of these
    columns hold the values in the column ``value`` of ``rows``.
    """
    names = list(dict.fromkeys(str(name) for name in rows[column].to_pylist()))
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows.to_pylist():
        key = tuple(row[name] for name in index)
        line = lines.setdefault(key, {**dict(zip(index, key, strict=True)), **dict.fromkeys(names)})
        line[str(row[column])] = row[value]
    return pa.Table.from_pylist(list(lines.values()))


def to_csv(rows: pa.Table) -> str:
    """Return an Arrow table as CSV text with a header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows.column_names)
    writer.writerows(row.values() for row in rows.to_pylist())
    return buffer.getvalue()


def print_rows(rows: pa.Table, *, as_json: bool, as_csv: bool = False, parquet: Path | None = None) -> None:
    """Print the rows as a table, JSON or CSV, or write them to a Parquet file."""
    if parquet is not None:
        with replacing(parquet) as temporary:
            pq.write_table(rows, temporary, compression="zstd")
        say(f"wrote {rows.num_rows} rows to {parquet}")
    elif as_json:
        print_json(rows.to_pylist())
    elif as_csv:
        sys.stdout.write(to_csv(rows))
    else:
        print_table(rows)


def format_speed(per_second: float) -> str:
    """Return a speed as a whole number, or with two digits if it is below 10."""
    return f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.2g}"


class SpeedColumn(ProgressColumn):
    """How much of a piece of work is done in a second."""

    def render(self, task: Task) -> Text:
        """Return the speed, or an empty text if it is not known yet."""
        return Text(f"{format_speed(task.speed)}/s", style="progress.data.speed") if task.speed else Text("")


class Notes:
    """Progress listener that shows messages and no progress, for commands without progress bars."""

    def advance(self, name: str, done: float, total: float, detail: str = "") -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Print a message to the user."""
        say(message)


class ProgressBars:
    """Progress listener that shows one progress bar per named piece of work."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def advance(self, name: str, done: float, total: float, detail: str = "") -> None:
        """Update the progress bar of the work called ``name``. The first call with this name adds the bar."""
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=total, detail=detail)
        self.progress.update(self.tasks[name], completed=done, total=total, detail=detail)

    def note(self, message: str) -> None:
        """Print a message to the user above the progress bars."""
        say(message)


class ProgressLines:
    """Progress listener for logs. It writes a line about each named piece of work every 15 s.

    Work that takes less than 15 s is not mentioned.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.said_at: dict[str, float] = {}
        self.began: dict[str, tuple[float, float]] = {}
        """The time of the first report of each work, and how much was done by then."""
        self.done: dict[str, float] = {}

    def advance(self, name: str, done: float, total: float, detail: str = "") -> None:
        """Write the progress of the work called ``name``, unless a line about it was written less than 15 s ago."""
        now = self.clock()
        if done < self.done.get(name, done):
            del self.began[name]  # the work of this name began anew, for example on the next checkpoint
        self.done[name] = done
        self.began.setdefault(name, (now, done))
        if now - self.said_at.setdefault(name, now) >= SECONDS_BETWEEN_LINES:
            self.said_at[name] = now
            speed = self._describe_speed(name, done, total, now)
            say(f"{name}: {done:.0f} of {total:.0f}{speed}" + (f", {detail}" if detail else ""))

    def _describe_speed(self, name: str, done: float, total: float, now: float) -> str:
        """Return the speed since the first report and the time that is left at this speed, or an empty text."""
        began_at, done_before = self.began[name]
        if done <= done_before or done >= total:
            return ""
        per_second = (done - done_before) / (now - began_at)
        return f" ({format_speed(per_second)} per second, {timedelta(seconds=round((total - done) / per_second))} left)"

    def note(self, message: str) -> None:
        """Print a message to the user."""
        say(message)


@contextmanager
def progress_bars() -> Iterator[None]:
    """Show the progress of the block on stderr: as bars on a terminal, or as a line every 15 s in a pipe or file."""
    if not messages.is_terminal:
        with listening(ProgressLines()):
            yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        SpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
    )
    with Progress(*columns, console=messages) as progress, listening(ProgressBars(progress)):
        yield
