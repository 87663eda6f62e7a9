"""This package starts Prefect servers, deploys the standing service, and makes Prefect notice crashed runs.

The standing service runs the flow ``watch_checkpoints`` on a schedule. Each run scores new checkpoints.
"""
