-- one row an index of $1 (oids): schema, index, and the name of its column at position $2
SELECT n.nspname AS schema, c.relname AS index, a.attname AS column
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = $2
WHERE c.oid = ANY ($1)
ORDER BY c.oid
