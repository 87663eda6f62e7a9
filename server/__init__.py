"""ClickHouse's HTTP interface over one chDB data directory."""
