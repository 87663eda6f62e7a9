"""Paths of the repository, and of published results that may lie beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DBT_MODELS = ROOT / "dbt" / "models"
MIGRATIONS = ROOT / "sql" / "migrations"
SHARED = ROOT.parent / "shared"
"""Published results, which only the project's developers have."""
