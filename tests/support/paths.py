"""Where the repository lies, and the published results that may lie beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DBT_MODELS = ROOT / "dbt" / "models"
MIGRATIONS = ROOT / "sql" / "migrations"
SHARED = ROOT.parent / "shared"
"""Published results; absent for anyone but the project's own developers."""
