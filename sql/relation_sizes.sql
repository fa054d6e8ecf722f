-- one row: bytes of the table named by $1 (quoted, with schema) with its TOAST, and of its indexes
SELECT pg_catalog.pg_table_size($1::pg_catalog.text::pg_catalog.regclass) AS table_bytes,
       pg_catalog.pg_indexes_size($1::pg_catalog.text::pg_catalog.regclass) AS index_bytes
