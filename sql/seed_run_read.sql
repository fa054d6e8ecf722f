-- one row: run $1 of perfkit seed
SELECT r.run, r.state, r.algorithm, r.perfkit_version, r.started_us, r.plan, r.shape, r.sequences, r.index_run
FROM perfkit.seed_run AS r
WHERE r.run = $1
