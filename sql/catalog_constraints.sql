-- one row a constraint of the tables $1
SELECT con.conrelid AS table,
       con.conname AS name,
       con.contype AS kind,
       pg_catalog.pg_get_constraintdef(con.oid) AS definition,
       coalesce(k.columns, '{}') AS columns,
       CASE WHEN con.contype = 'f' THEN con.confrelid END AS referenced_table,
       coalesce(f.columns, '{}') AS referenced_columns
FROM pg_catalog.pg_constraint AS con
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY key.ordinality) AS columns
    FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY AS key (attnum, ordinality)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = key.attnum
) AS k
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY key.ordinality) AS columns
    FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY AS key (attnum, ordinality)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.confrelid AND a.attnum = key.attnum
) AS f
WHERE con.conrelid = ANY ($1)
  -- a partition has keys of its own, while those that reference others belong to its parent
  AND (con.contype IN ('p', 'u', 'x') OR con.contype IN ('f', 'c') AND con.conparentid = 0)
ORDER BY con.conrelid, con.contype <> 'p', con.conname
