-- no row: nothing is left of what triggers have done for run $1
DELETE FROM perfkit.seed_effect WHERE run = $1
