-- changes a shadow's pg_class: the relations $1 have $2 pages, $3 rows, $4 all-visible pages
UPDATE pg_catalog.pg_class AS c
SET relpages = wanted.pages, reltuples = wanted.n_rows, relallvisible = wanted.all_visible
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]),
    pg_catalog.unnest($3::pg_catalog.float4[]), pg_catalog.unnest($4::pg_catalog.int4[])
) AS wanted (oid, pages, n_rows, all_visible)
WHERE c.oid = wanted.oid
  AND (c.relpages, c.reltuples, c.relallvisible) IS DISTINCT FROM (wanted.pages, wanted.n_rows, wanted.all_visible)
