-- one row for each of the names $1 (quoted, maybe qualified) that is there: which one, schema, name, and an index's table
SELECT wanted.number, n.nspname AS schema, c.relname AS name, t.relname AS table
FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS wanted (name, number)
JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(wanted.name)
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
ORDER BY wanted.number
