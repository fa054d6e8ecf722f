-- one row a unique index or EXCLUDE constraint of the tables $1, which have their partitions and themselves beside them in $2, primary keys first
SELECT t.root AS table,
       c.relname AS name,
       i.indisprimary AND t.member = t.root AS is_primary,
       -- the column is there since PostgreSQL 15
       NOT coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::pg_catalog.bool, false) AS nulls_distinct,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       k.columns,
       k.definitions,
       k.folds_case,
       ARRAY(
           SELECT op.oprname::pg_catalog.text
           FROM pg_catalog.pg_constraint AS con
           CROSS JOIN LATERAL pg_catalog.unnest(con.conexclop) WITH ORDINALITY AS o (oid, n)
           JOIN pg_catalog.pg_operator AS op ON op.oid = o.oid
           WHERE con.conrelid = i.indrelid AND con.conindid = i.indexrelid AND con.contype <> 'f' AND i.indisexclusion
           ORDER BY o.n
       ) AS operators
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS t (root, member)
JOIN pg_catalog.pg_index AS i ON i.indrelid = t.member
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY n.n) AS columns,
           pg_catalog.array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, n.n, false) ORDER BY n.n) AS definitions,
           pg_catalog.array_agg(coalesce(NOT co.collisdeterministic, false) ORDER BY n.n) AS folds_case
    FROM pg_catalog.generate_series(1, i.indnkeyatts) AS n (n)
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n.n - 1] AND a.attnum > 0
    LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = i.indcollation[n.n - 1]
) AS k
WHERE (i.indisunique OR i.indisexclusion) AND i.indisready AND i.indislive
  -- what a partition has of its own
  AND (t.member = t.root OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid))
ORDER BY t.root, t.member <> t.root, NOT i.indisprimary, c.relname, i.indexrelid
