"""Code about Prefect: its server, the deployment of the standing service, and the handling of crashed runs."""
