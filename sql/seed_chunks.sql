-- one row a committed chunk of run $1
SELECT c.step, c.chunk FROM perfkit.seed_chunk AS c WHERE c.run = $1 ORDER BY c.step, c.chunk
