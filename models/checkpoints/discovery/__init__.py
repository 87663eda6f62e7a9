"""This package finds the models and checkpoints in a folder, and declares them as a suite."""
