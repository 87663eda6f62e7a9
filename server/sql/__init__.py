"""SQL as text: tokens, clauses, and what a client may not say. Runs no SQL."""
