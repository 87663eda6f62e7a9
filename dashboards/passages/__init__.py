"""Passages: documents with the trend of every token, as text, and as a page that shows how each token is learned."""
