-- one row: the predicate and the first column or expression of the only index of table $1 (quoted and qualified)
SELECT pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS condition,
       coalesce(pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_indexdef(i.indexrelid, 1, false)) AS sum
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = pg_catalog.to_regclass($1)
