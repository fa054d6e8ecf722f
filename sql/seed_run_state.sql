-- no row: run $1 of perfkit seed is in state $2
UPDATE perfkit.seed_run SET state = $2 WHERE run = $1
