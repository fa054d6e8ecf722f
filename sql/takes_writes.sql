-- one row: whether the server replays another's changes, and whether it is set to be read-only, whatever this session has set
SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
       coalesce((
           SELECT s.reset_val = 'on' FROM pg_catalog.pg_settings AS s WHERE s.name = 'default_transaction_read_only'
       ), false) AS is_read_only
