"""The figures of the papers, drawn from marts with matplotlib."""
