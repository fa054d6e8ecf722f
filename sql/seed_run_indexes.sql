-- no row: run $1 of perfkit seed has dropped the indexes that the journal tells of under $2
UPDATE perfkit.seed_run SET index_run = $2 WHERE run = $1
