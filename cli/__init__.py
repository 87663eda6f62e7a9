"""The command line: the door to everything, with no work of its own."""
