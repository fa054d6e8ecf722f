-- one row while a session holds perfkit's lock on changing what $1 names in this database: pid, query
SELECT l.pid, a.query
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory'
  AND l.granted
  AND l.classid = (pg_catalog.hashtext('perfkit')::pg_catalog.int8 & 4294967295)::pg_catalog.oid
  AND l.objid = (pg_catalog.hashtext($1)::pg_catalog.int8 & 4294967295)::pg_catalog.oid
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
