-- one row for the index named by schema $1 and name $2, and for each of its partitions: oid, name, size_bytes
WITH RECURSIVE tree (oid) AS (
    SELECT c.oid
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('i', 'I')
    UNION ALL
    SELECT i.inhrelid FROM tree AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid
)
SELECT t.oid, c.relname AS name, pg_catalog.pg_relation_size(t.oid) AS size_bytes
FROM tree AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
ORDER BY t.oid
