-- one row an index of the tables $1 that has a tablespace or statistics targets of its own: oid, tablespace, keys, targets
SELECT i.indexrelid AS oid,
       ts.spcname::pg_catalog.text AS tablespace,
       coalesce(a.keys, '{}') AS keys,
       coalesce(a.targets, '{}') AS targets
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON ts.oid = c.reltablespace
LEFT JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attnum::pg_catalog.int4 ORDER BY a.attnum) AS keys,
           pg_catalog.array_agg(a.attstattarget::pg_catalog.int4 ORDER BY a.attnum) AS targets
    FROM pg_catalog.pg_attribute AS a
    -- Without a target of its own it is -1, since PostgreSQL 17 null.
    WHERE a.attrelid = i.indexrelid AND i.indexprs IS NOT NULL AND a.attstattarget >= 0
) AS a ON true
WHERE i.indrelid = ANY ($1) AND (ts.spcname IS NOT NULL OR a.keys IS NOT NULL)
ORDER BY i.indexrelid
