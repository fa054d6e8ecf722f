-- one row a GIN index of the tables $1 of pg_temp: pages of its pending list, which are moved into the index as VACUUM does
SELECT pg_catalog.gin_clean_pending_list(x.indexrelid) AS n_pages
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_index AS x ON x.indrelid = c.oid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = i.relam
WHERE c.relnamespace = pg_catalog.pg_my_temp_schema()
  AND c.relname = ANY ($1::pg_catalog.text[])
  AND c.relkind = 'r'
  AND m.amname = 'gin'
ORDER BY x.indexrelid
