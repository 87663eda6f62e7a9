"""This package reads the warehouse: it runs ad-hoc SQL and named questions."""
