"""``python -m trailhouse.server DIRECTORY`` serves a data directory until a signal or the idle timeout ends it."""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import threading
from pathlib import Path

from trailhouse.errors import TrailhouseError
from trailhouse.server.serve import serve


def main() -> int:
    """Read the command's arguments, run the server until it ends, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trailhouse.server")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--idle-timeout-seconds", type=float)
    parser.add_argument("--memory-limit-bytes", type=int)
    parser.add_argument("--published-table", action="append", default=[])
    parser.add_argument("--errors-after-rows", action="store_true")
    arguments = parser.parse_args()
    try:
        serve(
            arguments.directory,
            arguments.host,
            arguments.port,
            idle_timeout_seconds=arguments.idle_timeout_seconds,
            memory_limit_bytes=arguments.memory_limit_bytes,
            published_tables=arguments.published_table,
            sends_late_errors=arguments.errors_after_rows,
        )
    except TrailhouseError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    faulthandler.enable()
    code = main()
    sys.stdout.flush()
    if any(thread.name.startswith("statement") and thread.is_alive() for thread in threading.enumerate()):
        os._exit(code)  # sys.exit would wait for the thread of a statement that does not stop
    sys.exit(code)
