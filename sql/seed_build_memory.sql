-- one row: maintenance_work_mem of this session is now half of shared_buffers, within 1 GB, if it was less
SELECT pg_catalog.set_config(
           'maintenance_work_mem',
           greatest(
               pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) / 1024,
               least(pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) / 2048, 1048576)
           )::pg_catalog.text,
           false
       ) AS maintenance_work_mem
