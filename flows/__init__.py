"""The flows orchestrate the other rooms: one file per parent flow, and the settings."""
