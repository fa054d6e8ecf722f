-- one row: the replica that is furthest behind with its lag in seconds, and how many other sessions run a statement
SELECT (
           SELECT r.application_name FROM pg_catalog.pg_stat_replication AS r
           ORDER BY r.replay_lag DESC NULLS LAST LIMIT 1
       ) AS replica,
       (
           SELECT pg_catalog.max(extract(epoch FROM r.replay_lag))::pg_catalog.float8
           FROM pg_catalog.pg_stat_replication AS r
       ) AS lag_s,
       (
           SELECT pg_catalog.count(*)
           FROM pg_catalog.pg_stat_activity AS a
           WHERE a.state = 'active'
             AND a.backend_type = 'client backend'
             AND a.pid <> pg_catalog.pg_backend_pid()
             AND a.application_name <> pg_catalog.current_setting('application_name')
       ) AS n_active
