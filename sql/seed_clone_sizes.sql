-- one row: pages of the TOAST of tables $1 of pg_temp and of all their indexes, and how many indexes these are
SELECT (coalesce(pg_catalog.sum(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0))), 0) / b.bytes)::pg_catalog.int8 AS toast,
       (coalesce(pg_catalog.sum(i.bytes), 0) / b.bytes)::pg_catalog.int8 AS indexes,
       coalesce(pg_catalog.sum(i.n), 0)::pg_catalog.int8 AS n_indexes
FROM pg_catalog.pg_class AS c
CROSS JOIN (SELECT pg_catalog.current_setting('block_size')::pg_catalog.int8 AS bytes) AS b
CROSS JOIN LATERAL (
    SELECT pg_catalog.sum(pg_catalog.pg_relation_size(x.indexrelid)) AS bytes, pg_catalog.count(*) AS n
    FROM pg_catalog.pg_index AS x
    WHERE x.indrelid IN (c.oid, c.reltoastrelid)
) AS i
WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relname = ANY ($1::pg_catalog.text[])
GROUP BY b.bytes
ORDER BY b.bytes
