-- one row an index of the tables $1 (oids): what a change of indexes has to know of it
SELECT i.indrelid AS table,
       i.indexrelid AS oid,
       c.relname AS name,
       coalesce(pg_catalog.pg_get_indexdef(i.indexrelid), '') AS definition,
       i.indisvalid AND i.indisready AND i.indislive AS is_valid,
       c.relkind = 'I' AS is_partitioned,
       (SELECT h.inhparent FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid) AS parent,
       CASE
           WHEN EXISTS (
               SELECT 1 FROM pg_catalog.pg_constraint AS con
               WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
           ) THEN 'constraint'
           WHEN i.indisreplident AND t.relreplident = 'i' THEN 'replica identity'
           WHEN EXISTS (
               SELECT 1 FROM pg_catalog.pg_constraint AS con
               WHERE con.conindid = i.indexrelid AND con.contype = 'f'
           ) THEN 'foreign key'
       END AS protection,
       CASE WHEN i.indexprs IS NOT NULL THEN EXISTS (
           SELECT 1 FROM pg_catalog.pg_stats AS s WHERE s.schemaname = n.nspname AND s.tablename = c.relname
       ) ELSE false END AS has_statistics,
       coalesce((
           SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid))
           FROM pg_catalog.pg_partition_tree(c.oid) AS p
       ), pg_catalog.pg_relation_size(c.oid), 0)::pg_catalog.int8 AS size_bytes,
       coalesce((
           SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(p.relid))
           FROM pg_catalog.pg_partition_tree(c.oid) AS p
       ), pg_catalog.pg_stat_get_numscans(c.oid), 0)::pg_catalog.int8 AS n_scans
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = ANY ($1)
ORDER BY i.indrelid, c.relname
