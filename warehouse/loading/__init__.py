"""Writing to the raw tables: bulk loads, ledgers and the catalogue."""
