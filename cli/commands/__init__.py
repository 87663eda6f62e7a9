"""The subcommands of ``trailhouse``. Each subcommand has its own file, which has its name."""
