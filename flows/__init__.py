"""The Prefect flows of Trailhouse. Each main flow has its own file, and ``settings.py`` has the settings."""
