"""The flows: they orchestrate the other rooms, and hold the settings and the command line."""
