-- one row an item of the list of most common values of statistics object $1 in schema $2, in order: values, list (hex)
SELECT i.values, pg_catalog.encode(d.stxdmcv::pg_catalog.bytea, 'hex') AS list
FROM pg_catalog.pg_statistic_ext AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.stxnamespace
JOIN pg_catalog.pg_statistic_ext_data AS d ON d.stxoid = e.oid
CROSS JOIN LATERAL pg_catalog.pg_mcv_list_items(d.stxdmcv) AS i
WHERE e.stxname = $1 AND n.nspname = $2
ORDER BY i.index
