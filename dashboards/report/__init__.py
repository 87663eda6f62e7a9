"""The report on a suite: one HTML file, or a model card in Markdown, of sentences and charts made from answers."""
