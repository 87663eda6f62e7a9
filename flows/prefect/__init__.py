"""Prefect: the server that runs report to, the deployment of the standing service, and crashed runs."""
