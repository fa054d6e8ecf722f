-- one row: in ms how long a session waits for a lock before it looks for deadlocks
SELECT s.setting::pg_catalog.int8 AS deadlock_timeout_ms FROM pg_catalog.pg_settings AS s WHERE s.name = 'deadlock_timeout'
