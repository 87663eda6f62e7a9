"""The warehouse: connection, schema, bulk loads and ledgers. Metrics are derived elsewhere, by dbt."""
