"""This package makes sequences with language models: it generates texts from the predictions of two models."""
