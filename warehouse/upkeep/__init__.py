"""This package backs up, restores and checks a warehouse, and compares the answers of two servers."""
