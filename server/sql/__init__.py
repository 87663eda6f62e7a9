"""This package parses SQL statements, and refuses statements that a client may not run. It runs no SQL itself."""
