"""This package reads corpora, which are the texts to score, and finds the position of each token in its text."""
