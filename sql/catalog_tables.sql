-- one row a table, view or foreign table of a user's schema; with $1, sizes may be as old as ANALYZE
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       c.relnatts AS n_attributes,
       c.reltuples AS n_rows,
       CASE WHEN c.relkind NOT IN ('r', 'm', 'f') THEN 0
            -- asking for a size opens the table and its file
            WHEN c.relkind = 'f' OR $1::pg_catalog.bool
             AND coalesce(
                 pg_catalog.pg_stat_get_last_analyze_time(c.oid),
                 pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)
             ) IS NOT NULL
             -- when autovacuum would look at the table again, by its default settings
             AND pg_catalog.pg_stat_get_mod_since_analyze(c.oid) <= 50 + 0.1 * c.reltuples
             AND pg_catalog.pg_stat_get_dead_tuples(c.oid) <= 50 + 0.2 * c.reltuples
             -- a table that was rewritten since is of unknown size, though not of unknown counters
             AND c.reltuples >= 0 AND c.relpages > 0
            THEN c.relpages
            ELSE pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8
       END AS n_file_pages,
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
       -- as pg_stat_all_tables shows them, which would sum up the indexes of each table besides
       c.relkind IN ('r', 'm', 'p') AS is_counted,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS n_inserted,
       pg_catalog.pg_stat_get_tuples_updated(c.oid) AS n_updated,
       pg_catalog.pg_stat_get_tuples_hot_updated(c.oid) AS n_hot_updated,
       pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS n_deleted,
       pg_catalog.pg_stat_get_numscans(c.oid) AS n_seq_scans,
       pg_catalog.pg_stat_get_tuples_returned(c.oid) AS n_rows_seq_read,
       pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS n_modified_since_analyze,
       coalesce((
           SELECT o.option_value::pg_catalog.int4 FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
           WHERE o.option_name = 'fillfactor'
       ), 100) AS fillfactor,
       coalesce(c.reloptions, '{}') AS options,
       c.relreplident AS replica_identity
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits AS i ON c.relispartition AND i.inhrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\_toast%'
  AND NOT EXISTS (
      SELECT 1 FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  )
ORDER BY c.oid
