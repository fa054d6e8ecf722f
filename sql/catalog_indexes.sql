-- one row an index of the tables $1
SELECT i.indrelid AS table,
       c.relname AS name,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       am.amname AS method,
       k.columns,
       k.expressions,
       k.opclasses,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS key (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
           WHERE key.ordinality > i.indnkeyatts ORDER BY key.ordinality
       ) AS include,
       i.indisunique AS is_unique,
       k.descending,
       k.nulls_first,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       i.indisvalid AS is_valid,
       EXISTS (
           SELECT 1 FROM pg_catalog.pg_constraint AS con
           WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
       ) AS is_constraint,
       c.reltuples AS n_rows,
       c.relpages AS n_pages,
       pg_catalog.pg_relation_size(c.oid) AS size_bytes
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY key.ordinality) AS columns,
           pg_catalog.array_agg(
               CASE WHEN key.attnum = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, key.ordinality::pg_catalog.int4, false) END
               ORDER BY key.ordinality
           ) AS expressions,
           pg_catalog.array_agg(
               CASE WHEN NOT opc.opcdefault THEN opc.opcname::pg_catalog.text END ORDER BY key.ordinality
           ) AS opclasses,
           pg_catalog.array_agg((option.flags & 1) <> 0 ORDER BY key.ordinality) AS descending,
           pg_catalog.array_agg((option.flags & 2) <> 0 ORDER BY key.ordinality) AS nulls_first
    FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS key (attnum, ordinality)
    JOIN pg_catalog.unnest(i.indoption::pg_catalog.int2[]) WITH ORDINALITY AS option (flags, ordinality)
        ON option.ordinality = key.ordinality
    JOIN pg_catalog.unnest(i.indclass::pg_catalog.oid[]) WITH ORDINALITY AS class (oid, ordinality)
        ON class.ordinality = key.ordinality
    JOIN pg_catalog.pg_opclass AS opc ON opc.oid = class.oid
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = key.attnum AND key.attnum > 0
    WHERE key.ordinality <= i.indnkeyatts
) AS k
WHERE i.indrelid = ANY ($1)
ORDER BY i.indrelid, c.relname
