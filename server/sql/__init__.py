"""What the server must know of a statement: its tokens, its clauses, and whether it is allowed."""
