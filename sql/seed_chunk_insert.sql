-- no row: chunk $3 of step $2 of run $1, with $4 rows, is committed with this transaction
INSERT INTO perfkit.seed_chunk (run, step, chunk, n_rows) VALUES ($1, $2, $3, $4)
