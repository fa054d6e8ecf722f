-- one row an index build that runs in this database: the index's oid, and whether the server hides which it is
SELECT coalesce(p.index_relid, 0) AS oid, p.relid IS NULL AS is_hidden
FROM pg_catalog.pg_stat_progress_create_index AS p
WHERE p.datname = pg_catalog.current_database()
ORDER BY p.pid
