-- no row: in this transaction of run $1 triggers have put $3 rows into tables $2 and changed $4 rows of them, in the subtransactions $5 (in parallel, each an array as text)
INSERT INTO perfkit.seed_effect (run, xid, table_oid, n_inserted, n_updated, nested)
SELECT $1, pg_catalog.pg_current_xact_id(), t.oid, t.n_inserted, t.n_updated, t.nested::pg_catalog.xid[]
FROM ROWS FROM (
    pg_catalog.unnest($2::pg_catalog.oid[]),
    pg_catalog.unnest($3::pg_catalog.int8[]),
    pg_catalog.unnest($4::pg_catalog.int8[]),
    pg_catalog.unnest($5::pg_catalog.text[])
) AS t (oid, n_inserted, n_updated, nested)
