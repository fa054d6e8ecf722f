-- whether more than a tenth of a table's pages, with those of its partitions, hold rows that are not visible to all, though it was
-- vacuumed: $1 table as SQL
SELECT 10 * sum(c.relpages - c.relallvisible) > sum(c.relpages) AS is_hidden
FROM pg_catalog.pg_class AS c
WHERE c.relkind = 'r'
  AND (c.oid = pg_catalog.to_regclass($1) OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) AS p))
