"""The pipeline that every checkpoint goes through: it is fetched, verified, loaded, run and inserted."""
