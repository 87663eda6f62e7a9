"""This package reads result files and samples files of lm-evaluation-harness."""
