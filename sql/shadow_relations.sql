-- one row a relation of a shadow that has a file or indexes: oid, schema, name, file, method and table of an index, parent
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0::pg_catalog.oid) AS file,
       c.relkind IN ('i', 'I') AS is_index,
       am.amname AS method,
       i.indrelid AS table,
       h.inhparent AS parent
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = c.oid AND c.relkind IN ('i', 'I')
WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\_toast%'
ORDER BY c.oid
