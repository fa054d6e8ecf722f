-- no row: no transaction is under way that loads or deletes a chunk, and none begins while this one lasts
LOCK TABLE perfkit.seed_chunk IN SHARE MODE
