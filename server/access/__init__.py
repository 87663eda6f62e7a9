"""The passwords of the two users, and the files that the server's process may open."""
