-- removes the statistics of the column named by schema $1, table $2 and name $3 from a shadow
DELETE FROM pg_catalog.pg_statistic AS s
USING pg_catalog.pg_attribute AS a, pg_catalog.pg_class AS c, pg_catalog.pg_namespace AS n
WHERE a.attrelid = s.starelid AND a.attnum = s.staattnum AND c.oid = a.attrelid AND n.oid = c.relnamespace
  AND n.nspname = $1 AND c.relname = $2 AND a.attname = $3
