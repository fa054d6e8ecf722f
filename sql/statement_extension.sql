-- one row if pg_stat_statements is created in this database: schema, version, and whether this role sees the statements of others
SELECT n.nspname AS schema,
       e.extversion AS version,
       current_user::pg_catalog.text AS role,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
