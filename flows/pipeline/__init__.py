"""The pipeline fetches, verifies, loads and runs every checkpoint, and inserts the resulting rows."""
