"""The subcommands of ``trailhouse``. Each subcommand has its own file, and the file is named after the subcommand."""
