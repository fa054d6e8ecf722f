-- one row: about how many rows the tables $1 hold together
SELECT coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::pg_catalog.int8 AS n_rows
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind = 'r'
