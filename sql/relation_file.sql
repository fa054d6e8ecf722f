-- one row: the data file of relation $1 (an oid), relative to the data folder
SELECT pg_catalog.pg_relation_filepath($1::pg_catalog.oid::pg_catalog.regclass) AS path
