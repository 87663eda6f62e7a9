"""The warehouse: connection, schema, bulk load and ledger. It stores; it does not compute or derive."""
