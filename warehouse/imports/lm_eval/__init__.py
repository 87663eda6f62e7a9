"""Results and samples files of lm-evaluation-harness."""
