"""This package makes sequences and judges them: corrupted documents, and texts that two models generate together."""
