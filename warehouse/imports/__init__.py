"""This package reads evaluation results from files of other programs and writes the results to the raw tables."""
