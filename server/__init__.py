"""A server that offers ClickHouse's HTTP interface to one chDB data directory."""
