-- one row: database, this database's name
SELECT pg_catalog.current_database()::pg_catalog.text AS database
