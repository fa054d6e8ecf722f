-- no row: chunk $3 of step $2 of run $1 is gone with this transaction
DELETE FROM perfkit.seed_chunk WHERE run = $1 AND step = $2 AND chunk = $3
