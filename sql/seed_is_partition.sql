-- one row: whether the table named by $1 (quoted, with schema) is a partition of the one named by $2
SELECT EXISTS (
    SELECT 1 FROM pg_catalog.pg_inherits AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relispartition
    WHERE i.inhrelid = pg_catalog.to_regclass($1) AND i.inhparent = pg_catalog.to_regclass($2)
) AS is_partition
