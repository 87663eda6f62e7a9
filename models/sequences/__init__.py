"""Texts that are made from tokens: corrupted documents, and texts that two models generate together."""
