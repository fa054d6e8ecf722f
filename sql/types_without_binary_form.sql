-- one row for each type of $1 whose values, or elements, cannot be sent in binary
SELECT type.oid AS type
FROM pg_catalog.pg_type AS type
LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND type.typlen = -1
WHERE type.oid = ANY ($1::pg_catalog.oid[])
  AND (type.typsend::pg_catalog.oid = 0 OR element.typsend::pg_catalog.oid = 0)
ORDER BY type.oid
