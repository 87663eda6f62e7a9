"""Prefect: the server of a command or of the standing service, its deployments, and runs that crashed."""
