-- one row a run of perfkit seed, oldest first
SELECT r.run,
       r.state,
       r.perfkit_version,
       r.started_us,
       r.n_rows,
       (
           SELECT coalesce(pg_catalog.sum(c.n_rows), 0)::pg_catalog.int8
           FROM perfkit.seed_chunk AS c
           WHERE c.run = r.run
       ) AS n_rows_loaded
FROM perfkit.seed_run AS r
ORDER BY r.run
