-- one row an index of the tables $1
SELECT i.indrelid AS table,
       c.relname AS name,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       am.amname AS method,
       k.columns,
       k.descending,
       k.nulls_first,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       i.indisvalid AS is_valid,
       EXISTS (
           SELECT 1 FROM pg_catalog.pg_constraint AS con
           WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
       ) AS is_constraint,
       c.reltuples AS n_rows,
       pg_catalog.pg_relation_size(c.oid) AS size_bytes
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY key.ordinality) AS columns,
           pg_catalog.array_agg((option.flags & 1) <> 0 ORDER BY key.ordinality) AS descending,
           pg_catalog.array_agg((option.flags & 2) <> 0 ORDER BY key.ordinality) AS nulls_first
    FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS key (attnum, ordinality)
    JOIN pg_catalog.unnest(i.indoption::pg_catalog.int2[]) WITH ORDINALITY AS option (flags, ordinality)
        ON option.ordinality = key.ordinality
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = key.attnum AND key.attnum > 0
    WHERE key.ordinality <= i.indnkeyatts
) AS k
WHERE i.indrelid = ANY ($1)
ORDER BY i.indrelid, c.relname
