-- one row a table $2 of schemas $1 (in parallel) that is there: its place in them from 1, and whether its rows are in partitions
SELECT p.place::pg_catalog.int4 AS place, c.relkind = 'p' AS is_partitioned
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, place)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
ORDER BY p.place
