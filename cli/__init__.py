"""The command line: it calls the other rooms and does no work of its own."""
