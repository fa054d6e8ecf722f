-- one row: whether index $2 of schema $1 is the one of oid $3, and not valid
SELECT EXISTS (
    SELECT 1
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1
      AND c.relname = $2
      AND c.oid = $3
      AND NOT (i.indisvalid AND i.indisready AND i.indislive)
) AS is_leftover
