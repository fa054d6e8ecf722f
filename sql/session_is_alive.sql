-- one row while process $1 may serve the session that began at $2 microseconds since 1970 and changes an index of table $4 in schema $3
SELECT a.backend_start IS NOT NULL AS is_certain
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = $1
  AND a.datname = pg_catalog.current_database()
  AND CASE
      WHEN a.backend_start IS NOT NULL THEN (EXTRACT(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8 = $2
      -- When sessions of other roles began may be hidden. Their locks are not, and a change of an index has one on its table.
      ELSE EXISTS (
          SELECT 1
          FROM pg_catalog.pg_locks AS l
          JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          WHERE l.pid = a.pid
            AND l.locktype = 'relation'
            AND l.database = a.datid
            AND l.mode IN (
                'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
            )
            AND n.nspname = $3
            AND c.relname = $4
      )
  END
