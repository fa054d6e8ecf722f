-- one row a transaction that has put a chunk of run $1 into its tables, as `xmin` has it
SELECT DISTINCT c.xmin::pg_catalog.text AS xid FROM perfkit.seed_chunk AS c WHERE c.run = $1 ORDER BY xid
