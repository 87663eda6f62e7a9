"""The commands of ``trailhouse``, one subject a file."""
