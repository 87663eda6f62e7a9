"""The commands of ``trailhouse``, one file each, named after the command."""
