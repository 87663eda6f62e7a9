"""This package declares suites of models, fetches their checkpoints, hashes weight files, and audits suites."""
