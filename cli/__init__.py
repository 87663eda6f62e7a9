"""The command line. It parses arguments, calls the other parts of Trailhouse, and prints the results."""
