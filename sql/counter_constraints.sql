-- one row a foreign key or check of the tables $1: name, is_foreign_key, columns, the parent's schema, name and columns, and what a foreign key does not hold for
SELECT k.conrelid AS table,
       k.conname AS name,
       k.contype = 'f' AS is_foreign_key,
       k.convalidated AS is_validated,
       k.condeferrable AS is_deferrable,
       -- Since PostgreSQL 18.
       coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::pg_catalog.bool, true) AS is_enforced,
       coalesce(n.nspname, '') AS parent_schema,
       coalesce(p.relname, '') AS parent_name,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS c (number, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.number
           ORDER BY c.n
       ) AS columns,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS c (number, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.number
           ORDER BY c.n
       ) AS parent_columns
FROM pg_catalog.pg_constraint AS k
LEFT JOIN pg_catalog.pg_class AS p ON p.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = p.relnamespace
WHERE k.conrelid = ANY ($1::pg_catalog.oid[])
  AND k.contype IN ('f', 'c')
  -- A key to a partitioned table has a row of its own for each partition.
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS above WHERE above.oid = k.conparentid AND above.conrelid = k.conrelid
  )
ORDER BY k.conrelid, k.conname
