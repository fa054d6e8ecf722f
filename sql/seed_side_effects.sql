-- one row a table of $1: how many rows this transaction has put into it and deleted from it; and one with a NULL table: how many tables there are
SELECT t.oid AS table,
       pg_catalog.pg_stat_get_xact_tuples_inserted(t.oid) AS n_inserted,
       pg_catalog.pg_stat_get_xact_tuples_deleted(t.oid) AS n_deleted
FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS t (oid)
UNION ALL
SELECT NULL, pg_catalog.count(*), 0
FROM pg_catalog.pg_class AS c
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
ORDER BY 1
