"""Figures of behavioural phases, after Michaelov et al. 2025."""
