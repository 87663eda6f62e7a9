"""The flows orchestrate the other rooms. There is one file per main flow, and one for the settings."""
