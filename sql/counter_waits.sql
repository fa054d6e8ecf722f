-- one row: how many sessions wait for rows of a table now; who waits for a row's lock holds the lock on its place (README.tuplock)
SELECT pg_catalog.count(DISTINCT l.pid) AS n_waiting
FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'tuple'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND l.relation = $1
