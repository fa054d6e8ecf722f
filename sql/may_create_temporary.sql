-- one row: whether this role may create temporary tables in this database
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS may_create
