"""Modules of the flow that imports evaluation results of other programs."""
