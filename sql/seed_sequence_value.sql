-- one row: the last value of the sequence named by $1 (quoted, with schema), null if it has given none or the role may not see it
SELECT CASE WHEN pg_catalog.has_sequence_privilege(s.name::pg_catalog.oid, 'USAGE, SELECT')
            THEN pg_catalog.pg_sequence_last_value(s.name) END AS last_value
FROM (SELECT $1::pg_catalog.text::pg_catalog.regclass AS name) AS s
