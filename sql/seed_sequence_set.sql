-- one row if the last value of the sequence named by $1 (quoted, with schema) was still $4: it has given $2, or with $3 false is going to
SELECT pg_catalog.setval(s.name, $2, $3) AS last_value
FROM (SELECT $1::pg_catalog.text::pg_catalog.regclass AS name) AS s
WHERE pg_catalog.pg_sequence_last_value(s.name) IS NOT DISTINCT FROM $4::pg_catalog.int8
