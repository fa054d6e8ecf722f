-- one row: about how many rows the tables $1 hold together, and in ms how long a session waits for a lock before it looks for deadlocks
SELECT (
           SELECT coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::pg_catalog.int8
           FROM pg_catalog.pg_class AS c
           WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind = 'r'
       ) AS n_rows,
       (
           SELECT s.setting::pg_catalog.int8 FROM pg_catalog.pg_settings AS s WHERE s.name = 'deadlock_timeout'
       ) AS deadlock_timeout_ms
