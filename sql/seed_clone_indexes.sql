-- one row an index of the tables $1: what follows `USING` in its definition, and the index of the partitioned table that it is a part of
SELECT x.indrelid AS table_oid,
       pg_catalog.substr(d.definition, pg_catalog.strpos(d.definition, d.before) + pg_catalog.length(d.before)) AS form,
       rn.nspname AS root_schema,
       r.relname AS root_name
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_class AS r ON r.oid = coalesce(pg_catalog.pg_partition_root(x.indexrelid), x.indexrelid)
JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_get_indexdef(x.indexrelid) AS definition,
           pg_catalog.format('%I.%I USING ', n.nspname, t.relname) AS before
) AS d
WHERE x.indrelid = ANY ($1::pg_catalog.oid[]) AND x.indislive
ORDER BY x.indrelid, x.indexrelid
