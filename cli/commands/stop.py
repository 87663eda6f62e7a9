"""``trailhouse stop``: stop the embedded warehouse server."""

from __future__ import annotations

from trailhouse.cli.console import say
from trailhouse.cli.options import DataDirectoryOption


def stop(data_directory: DataDirectoryOption = None) -> None:
    """Stop the embedded warehouse server that a command started. It also stops by itself when it is idle."""
    from trailhouse.flows.settings import load_settings
    from trailhouse.server.process import stop as stop_embedded

    settings = load_settings(data_directory=data_directory)
    was_running = stop_embedded(settings.warehouse_directory)
    say("stopped the embedded server" if was_running else "no embedded server is running")
