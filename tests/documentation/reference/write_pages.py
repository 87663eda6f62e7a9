"""Writes the generated pages of the reference: ``make reference``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.documentation.reference.commands_page import write_commands_page
from tests.documentation.reference.errors_page import write_errors_page
from tests.documentation.reference.marts_page import write_marts_page
from tests.documentation.reference.questions_page import write_questions_page
from tests.documentation.reference.raw_tables_page import write_raw_tables_page
from tests.documentation.reference.settings_page import write_settings_page

PAGES: dict[str, Callable[[], str]] = {
    "commands.md": write_commands_page,
    "settings.md": write_settings_page,
    "errors.md": write_errors_page,
    "questions.md": write_questions_page,
    "marts.md": write_marts_page,
    "raw_tables.md": write_raw_tables_page,
}


def main(directory: Path) -> None:
    """Write every page into a directory."""
    for name, write in PAGES.items():
        (directory / name).write_text(write(), encoding="utf-8")
        sys.stdout.write(f"wrote {directory / name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
