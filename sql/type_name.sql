-- one row: the name of type $1
SELECT pg_catalog.format_type($1::pg_catalog.oid, -1) AS type_name
