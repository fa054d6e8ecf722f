-- one row a table of those $2 in schemas $1 (in parallel) that a crash empties: its place among them from 1
SELECT t.place::pg_catalog.int4 AS place
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS t (schema, table_name, place)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = t.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.table_name
WHERE c.relpersistence = 'u'
   -- the partitions hold the rows
   OR EXISTS (
       SELECT 1 FROM pg_catalog.pg_partition_tree(c.oid::pg_catalog.regclass) AS l
       JOIN pg_catalog.pg_class AS p ON p.oid = l.relid
       WHERE p.relpersistence = 'u'
   )
ORDER BY t.place
