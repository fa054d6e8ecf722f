-- one row: what tells this database from all others, standbys of its cluster aside
SELECT s.system_identifier::pg_catalog.text || '/' || d.oid::pg_catalog.text AS identity
FROM pg_catalog.pg_control_system() AS s
CROSS JOIN pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
