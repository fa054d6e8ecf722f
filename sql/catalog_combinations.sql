-- one row a set of columns of the tables $1 with its number of different combinations (extended statistics): table, columns, n
SELECT s.stxrelid AS table, c.columns, n.value::pg_catalog.float8 AS n
FROM pg_catalog.pg_stats_ext AS e
JOIN pg_catalog.pg_namespace AS ns ON ns.nspname = e.statistics_schemaname
JOIN pg_catalog.pg_statistic_ext AS s ON s.stxnamespace = ns.oid AND s.stxname = e.statistics_name
CROSS JOIN LATERAL (SELECT e.n_distinct::pg_catalog.text::pg_catalog.jsonb AS items) AS j
-- PostgreSQL 19 writes a list.
CROSS JOIN LATERAL pg_catalog.jsonb_each_text(
    CASE WHEN pg_catalog.jsonb_typeof(j.items) = 'object' THEN j.items ELSE '{}' END
) AS n
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attname) AS columns, pg_catalog.count(*) AS n_columns
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = s.stxrelid
      AND a.attnum > 0
      AND a.attnum = ANY (pg_catalog.string_to_array(n.key, ', ')::pg_catalog.int2[])
) AS c
WHERE s.stxrelid = ANY ($1)
  -- The column is there since PostgreSQL 15; of a partitioned table all statistics are inherited ones.
  AND NOT coalesce((pg_catalog.to_jsonb(e) ->> 'inherited')::pg_catalog.bool, false)
  -- Expressions have no number of a column.
  AND c.n_columns = pg_catalog.cardinality(pg_catalog.string_to_array(n.key, ', '))
ORDER BY s.stxrelid, c.columns
