"""ClickHouse's HTTP interface: requests, authentication, bodies, encodings and responses."""
