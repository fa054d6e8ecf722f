-- one row a table, but for partitions, that transactions $1 (an array of `xmin` as text) have created
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
-- The row of a table in pg_class changes by more than what is done to the table itself.
JOIN pg_catalog.pg_type AS t ON t.oid = c.reltype
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'perfkit')
  AND t.xmin = ANY ($1::pg_catalog.text::pg_catalog.xid[])
ORDER BY n.nspname, c.relname
