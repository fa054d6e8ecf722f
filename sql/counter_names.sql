-- one row a table of the schemas $1: its name
SELECT c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname::pg_catalog.text = ANY ($1::pg_catalog.text[]) AND c.relkind IN ('r', 'p')
ORDER BY c.relname
