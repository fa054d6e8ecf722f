-- one row: the last value of the sequence named by $1 (quoted, with schema), null if it has given none
SELECT pg_catalog.pg_sequence_last_value($1::pg_catalog.text::pg_catalog.regclass) AS last_value
