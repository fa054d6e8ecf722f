-- one row a kind and name: what this role's active sessions of this application wait for, and what autovacuum works on; n of them
SELECT 'wait' AS kind,
       coalesce(a.wait_event_type || ': ' || a.wait_event, 'running') AS name,
       pg_catalog.count(*) AS n
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database()
  AND a.application_name = pg_catalog.current_setting('application_name')
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.state = 'active'
GROUP BY a.wait_event_type, a.wait_event
UNION ALL
SELECT 'autovacuum', a.query, pg_catalog.count(*)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.backend_type = 'autovacuum worker'
  AND a.datname = pg_catalog.current_database()
  AND a.query <> ''
GROUP BY a.query
ORDER BY kind, name
