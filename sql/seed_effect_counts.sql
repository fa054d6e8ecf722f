-- one row a table, with its partitions, that this session has put rows into or changed rows of since its statistics were last sent
SELECT r.oid AS table,
       n.nspname AS schema,
       r.relname AS name,
       pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid))::pg_catalog.int8 AS n_inserted,
       pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_updated(c.oid))::pg_catalog.int8 AS n_updated
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_class AS r
    ON r.oid = CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::pg_catalog.oid ELSE c.oid END
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'perfkit')
  AND pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) > 0
GROUP BY r.oid, n.nspname, r.relname
ORDER BY r.oid
