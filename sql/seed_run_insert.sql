-- no row: writes a run of perfkit seed into the manifest
INSERT INTO perfkit.seed_run (
    run, state, algorithm, perfkit_version, started_us, n_rows, plan, shape, sequences
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
