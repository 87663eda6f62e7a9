"""Reading the warehouse: ad-hoc SQL and named questions."""
