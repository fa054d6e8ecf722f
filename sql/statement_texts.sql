-- one row an entry of pg_stat_statements with one of these identities: its text; run with the view qualified
SELECT s.queryid AS query_id, s.query
FROM pg_stat_statements AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND s.queryid = ANY ($1)
  AND s.query IS NOT NULL
ORDER BY s.queryid, s.userid
