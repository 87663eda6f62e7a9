"""Passages: documents in which every token has the colour of its trend category, as text or HTML."""
