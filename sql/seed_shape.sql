-- one row a column $3 of table $2 in schema $1 (in parallel) that is there: what it is, in the same words as long as it is the same
SELECT pg_catalog.format(
           '%I.%I.%I %s%s', p.schema, p.table_name, p.column_name, a.atttypid::pg_catalog.regtype,
           CASE WHEN a.atttypmod >= 0 THEN '(' || a.atttypmod || ')' ELSE '' END
       ) AS shape
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]),
    pg_catalog.unnest($2::pg_catalog.text[]),
    pg_catalog.unnest($3::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, column_name, ordinality)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = c.oid AND a.attname = p.column_name AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY p.ordinality
