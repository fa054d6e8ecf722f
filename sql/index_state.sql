-- one row if an index named $2 is in schema $1: oid, table, definition, is_valid, is_ready, size_bytes
SELECT i.indexrelid AS oid,
       i.indrelid AS table,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       i.indisvalid AS is_valid,
       i.indisready AS is_ready,
       pg_catalog.pg_relation_size(i.indexrelid) AS size_bytes
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
