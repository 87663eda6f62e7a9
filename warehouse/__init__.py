"""The warehouse: connection, schema, bulk loads and ledgers. Metrics are derived by dbt, not here."""
