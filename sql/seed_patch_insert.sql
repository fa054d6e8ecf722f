-- no row: in run $1 rows $3 of tables $2 are made by attempts $4, for the reasons $5
INSERT INTO perfkit.seed_patch (run, table_number, row_number, attempt, reason)
SELECT $1, p.table_number, p.row_number, p.attempt, p.reason
FROM ROWS FROM (
    pg_catalog.unnest($2::pg_catalog.int4[]),
    pg_catalog.unnest($3::pg_catalog.int8[]),
    pg_catalog.unnest($4::pg_catalog.int4[]),
    pg_catalog.unnest($5::pg_catalog.text[])
) AS p (table_number, row_number, attempt, reason)
ON CONFLICT (run, table_number, row_number) DO UPDATE SET attempt = EXCLUDED.attempt, reason = EXCLUDED.reason
