"""This package holds the users' passwords, and limits the files that the server's process may open."""
