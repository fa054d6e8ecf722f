-- one row for each other session that builds an index on one of the tables $1 (oids) or holds a lock that keeps from it
SELECT DISTINCT busy.table, busy.pid
FROM (
    SELECT p.relid AS table, p.pid
    FROM pg_catalog.pg_stat_progress_create_index AS p
    WHERE p.datname = pg_catalog.current_database()
    UNION ALL
    -- Of sessions of other roles the view above does not say the table.
    SELECT l.relation, l.pid
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'relation'
      AND l.granted
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
      AND l.mode IN (
          'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
      )
) AS busy
WHERE busy.table = ANY ($1) AND busy.pid <> pg_catalog.pg_backend_pid()
ORDER BY busy.table, busy.pid
