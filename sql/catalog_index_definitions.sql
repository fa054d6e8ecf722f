-- one row an index of $1: definition, expressions in order; null where it was dropped meanwhile
SELECT i.indexrelid AS oid,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       CASE WHEN i.indexprs IS NULL THEN '{}' ELSE ARRAY(
           SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k.n::pg_catalog.int4, false)
           FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, n)
           WHERE k.attnum = 0 ORDER BY k.n
       ) END AS expressions
FROM pg_catalog.pg_index AS i
WHERE i.indexrelid = ANY ($1)
ORDER BY i.indexrelid
