-- one row a sequence of $1 (oids): its last value, null if it has given none; each stays locked until the transaction ends
SELECT s.oid, pg_catalog.pg_sequence_last_value(s.oid) AS last_value
FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS s (oid)
ORDER BY s.oid
