-- one row an index build that runs in this database: oids of the index and its table, and whether the server hides which
SELECT coalesce(p.index_relid, 0) AS oid,
       -- REINDEX TABLE builds the index of the table's TOAST, too
       coalesce(
           (SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.reltoastrelid = p.relid AND p.relid <> 0),
           p.relid,
           0
       ) AS table,
       p.relid IS NULL AS is_hidden
FROM pg_catalog.pg_stat_progress_create_index AS p
WHERE p.datname = pg_catalog.current_database()
ORDER BY p.pid
