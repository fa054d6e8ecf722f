-- one row: n_tables and their bytes, without those of the system
SELECT pg_catalog.count(*) AS n_tables,
       coalesce(pg_catalog.sum(pg_catalog.pg_relation_size(c.oid)), 0)::pg_catalog.int8 AS bytes
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND n.nspname NOT LIKE 'pg\_temp\_%'
