-- one row a table to clone for measuring table $1 (quoted, with schema): itself and its partitions, parents first
SELECT c.oid,
       t.parent,
       n.nspname AS schema,
       c.relname AS name,
       CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
       CASE WHEN t.parent IS NOT NULL THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END AS bound,
       coalesce(c.reloptions, '{}') AS options,
       -- their NULLs take room in every row
       (
           SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attisdropped
       ) AS n_dropped
FROM (
    SELECT $1::pg_catalog.text::pg_catalog.regclass AS oid, NULL::pg_catalog.oid AS parent, 0 AS level
    UNION ALL
    SELECT p.relid, p.parentrelid, p.level
    FROM pg_catalog.pg_partition_tree($1::pg_catalog.text::pg_catalog.regclass) AS p
    WHERE p.level > 0
) AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
ORDER BY t.level, t.oid
