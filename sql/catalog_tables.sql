-- one row a table, view or foreign table of a user's schema
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       c.reltuples AS n_rows,
       (CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid)
             / pg_catalog.current_setting('block_size')::pg_catalog.int8 WHEN c.relkind = 'f' THEN c.relpages ELSE 0 END) AS n_file_pages,
       c.relpages AS n_pages,
       c.relallvisible AS n_all_visible_pages,
       CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
       CASE WHEN c.relispartition THEN i.inhparent END AS parent,
       ARRAY(
           SELECT h.inhparent FROM pg_catalog.pg_inherits AS h
           WHERE h.inhrelid = c.oid AND NOT c.relispartition ORDER BY h.inhseqno
       ) AS inherits,
       CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS view_definition,
       s.n_tup_ins AS n_inserted,
       s.n_tup_upd AS n_updated,
       s.n_tup_hot_upd AS n_hot_updated,
       s.n_tup_del AS n_deleted,
       s.seq_scan AS n_seq_scans,
       s.idx_scan AS n_index_scans,
       s.seq_tup_read AS n_rows_seq_read,
       s.n_mod_since_analyze AS n_modified_since_analyze,
       coalesce((
           SELECT o.option_value::pg_catalog.int4 FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
           WHERE o.option_name = 'fillfactor'
       ), 100) AS fillfactor,
       coalesce(c.reloptions, '{}') AS options,
       c.relreplident AS replica_identity
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
LEFT JOIN pg_catalog.pg_inherits AS i ON c.relispartition AND i.inhrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\_toast%'
  AND NOT EXISTS (
      SELECT 1 FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY c.oid
