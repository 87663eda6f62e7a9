"""The services that flows use: the warehouse and Superset. The folder also generates the passwords of a deployment."""
