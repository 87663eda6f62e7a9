"""Passages: a document that shows every token in the colour of its trend, as text or HTML."""
