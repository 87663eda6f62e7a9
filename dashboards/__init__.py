"""The dashboards: what people look at. Reads marts only."""
