-- one row: the sequence of column $2 of table $1 (quoted, with schema), if it has one, goes on after $3
SELECT pg_catalog.setval(s.name, $3) AS last_value
FROM (SELECT pg_catalog.pg_get_serial_sequence($1, $2)::pg_catalog.regclass AS name) AS s
WHERE s.name IS NOT NULL
