"""The figures of the papers, drawn from marts."""
