"""The figures of Xia et al. 2023 and of imported metrics, drawn from marts with matplotlib."""
