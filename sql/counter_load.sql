-- one row: how busy the server is, without the sessions $1: seconds that a standby is behind, bytes that a replication slot holds back, sessions that run a statement, whether any session of this database has done so lately, and whether somebody waits for one of $1
SELECT (
           SELECT pg_catalog.max(extract(epoch FROM r.replay_lag))::pg_catalog.float8
           FROM pg_catalog.pg_stat_replication AS r
       ) AS lag_s,
       (
           SELECT pg_catalog.max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn))::pg_catalog.int8
           FROM pg_catalog.pg_replication_slots AS s
       ) AS slot_bytes,
       pg_catalog.count(*) FILTER (WHERE a.state = 'active') AS n_active,
       -- What is hidden from this role may be at work.
       coalesce(pg_catalog.bool_or(
           a.datname = pg_catalog.current_database()
           AND (a.state IS DISTINCT FROM 'idle' OR a.state_change > pg_catalog.clock_timestamp() - interval '2 seconds')
       ), false) AS has_company,
       coalesce(pg_catalog.bool_or(
           a.wait_event_type = 'Lock' AND pg_catalog.pg_blocking_pids(a.pid) && $1::pg_catalog.int4[]
       ), false) AS is_waited_for
FROM pg_catalog.pg_stat_activity AS a
WHERE a.backend_type = 'client backend' AND a.pid <> ALL ($1::pg_catalog.int4[])
