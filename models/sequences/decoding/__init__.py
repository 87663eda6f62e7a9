"""This package generates texts from the predictions of two models."""
