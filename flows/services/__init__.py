"""The services beside the flows: the warehouse and Superset."""
