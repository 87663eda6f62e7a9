"""Passages: one document with every token in the colour of its trend, as text or HTML."""
