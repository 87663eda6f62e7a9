"""This package implements ClickHouse's HTTP interface, from the request to the response."""
