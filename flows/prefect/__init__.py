"""This package starts Prefect servers, deploys the standing service, and makes Prefect notice crashed runs."""
