"""This package audits a suite: it finds missing, damaged, duplicated and replaced checkpoints."""
