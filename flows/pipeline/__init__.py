"""The one way a checkpoint is worked on: fetched, verified, loaded, run and inserted."""
