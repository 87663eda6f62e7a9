"""Who may use the server, and what its process may open."""
