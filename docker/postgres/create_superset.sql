-- Prefect's database is made by the image; Superset gets one of its own.
create database superset;
