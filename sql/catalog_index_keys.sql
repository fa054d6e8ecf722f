-- one row a column of an index of the tables $1, in the index's order; included ones come last
SELECT i.indexrelid AS index,
       k.n > i.indnkeyatts AS is_included,
       a.attname AS column,
       CASE WHEN k.attnum = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, k.n::pg_catalog.int4, false) END AS expression,
       CASE WHEN NOT opc.opcdefault THEN opc.opcname END AS opclass,
       opc.opcfamily AS opfamily,
       t.typname AS opclass_type,
       pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) AS collation,
       -- of expressions, whose own collation no catalog has, it is null
       k.order_collation <> a.attcollation AS has_other_collation,
       (k.flags & 1) <> 0 AS descending,
       (k.flags & 2) <> 0 AS nulls_first
FROM pg_catalog.pg_index AS i
CROSS JOIN LATERAL ROWS FROM (
    pg_catalog.unnest(i.indkey::pg_catalog.int2[]), pg_catalog.unnest(i.indoption::pg_catalog.int2[]),
    pg_catalog.unnest(i.indclass::pg_catalog.oid[]), pg_catalog.unnest(i.indcollation::pg_catalog.oid[])
) WITH ORDINALITY AS k (attnum, flags, class, order_collation, n)
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
LEFT JOIN pg_catalog.pg_opclass AS opc ON opc.oid = k.class
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = opc.opcintype
LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = k.order_collation
LEFT JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
WHERE i.indrelid = ANY ($1)
ORDER BY i.indrelid, i.indexrelid, k.n
