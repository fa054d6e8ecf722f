-- one row an index whose name begins with $1 and that is no partition of another: schema, name
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('i', 'I') AND NOT c.relispartition AND pg_catalog.starts_with(c.relname, $1)
ORDER BY n.nspname, c.relname
