"""ClickHouse's HTTP interface: requests, bodies, encodings and responses."""
