-- one row a table of $1 (quoted, with schema), in their order: bytes with its TOAST and its partitions, and with all their indexes
SELECT pg_catalog.sum(pg_catalog.pg_table_size(r.oid))::pg_catalog.int8 AS table_bytes,
       pg_catalog.sum(pg_catalog.pg_total_relation_size(r.oid))::pg_catalog.int8 AS total_bytes
FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS t (name, n)
CROSS JOIN LATERAL (
    SELECT t.name::pg_catalog.regclass
    UNION
    SELECT p.relid FROM pg_catalog.pg_partition_tree(t.name::pg_catalog.regclass) AS p
) AS r (oid)
GROUP BY t.n
ORDER BY t.n
