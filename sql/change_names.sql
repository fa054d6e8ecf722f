-- one row a relation of the schemas $1 whose name begins as one of $2: schema, name
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1)
  AND EXISTS (
      SELECT 1 FROM pg_catalog.unnest($2::pg_catalog.text[]) AS prefix (text)
      WHERE pg_catalog.starts_with(c.relname, prefix.text)
  )
ORDER BY n.nspname, c.relname
