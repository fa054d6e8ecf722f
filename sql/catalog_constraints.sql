-- one row a constraint of the tables $1
SELECT con.conrelid AS table,
       con.conname AS name,
       con.contype AS kind,
       pg_catalog.pg_get_constraintdef(con.oid) AS definition,
       coalesce(k.columns, '{}') AS columns
FROM pg_catalog.pg_constraint AS con
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY key.ordinality) AS columns
    FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY AS key (attnum, ordinality)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = key.attnum
) AS k
WHERE con.conrelid = ANY ($1) AND con.contype IN ('p', 'u', 'f', 'c', 'x') AND con.conparentid = 0
ORDER BY con.conrelid, con.contype <> 'p', con.conname
