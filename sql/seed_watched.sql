-- one row a table $2 of schemas $1 (in parallel) that an INSERT fires triggers of, or of one of its partitions: its place in them from 1
SELECT p.place::pg_catalog.int4 AS place
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, place)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
WHERE EXISTS (
    SELECT 1
    FROM pg_catalog.pg_trigger AS g
    WHERE (g.tgrelid = c.oid OR g.tgrelid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) AS t))
      -- TRIGGER_TYPE_INSERT of catalog/pg_trigger.h
      AND NOT g.tgisinternal AND g.tgtype & 4 <> 0 AND g.tgenabled <> 'D'
)
ORDER BY p.place
