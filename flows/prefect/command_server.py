"""This program is a Prefect server without web pages or a scheduler.

It is run as ``python -m ...command_server HOST PORT``.
"""

from __future__ import annotations

import sys

import uvicorn
from prefect.server.api.server import create_app


def main() -> None:
    """Serve Prefect's API until SIGTERM."""
    host, port = sys.argv[1], int(sys.argv[2])
    uvicorn.run(create_app(ephemeral=True, final=True), host=host, port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    main()
