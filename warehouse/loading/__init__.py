"""This package writes to the raw tables: scores by bulk load, the ledgers, the catalogue, and the results of audits."""
