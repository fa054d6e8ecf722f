-- one row if $1 names a table that no rule, policy or child turns into more than one relation: schema, name
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)
  AND (c.relkind = 'm' OR c.relkind = 'r' AND NOT c.relhasrules)
  AND NOT c.relrowsecurity
  AND NOT c.relhassubclass
