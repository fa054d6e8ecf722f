-- one row an extended statistics object with its data, which are of the table alone or with those below it
SELECT n.nspname AS schema,
       e.stxname AS name,
       pg_catalog.pg_get_statisticsobjdef(e.oid) AS definition,
       tn.nspname AS table_schema,
       t.relname AS table,
       e.stxkeys::pg_catalog.int2[] AS numbers,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(e.stxkeys::pg_catalog.int2[]) WITH ORDINALITY AS key (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = e.stxrelid AND a.attnum = key.attnum
           ORDER BY key.ordinality
       ) AS columns,
       coalesce(s.exprs, '{}') AS expressions,
       s.statistics_name IS NOT NULL AS is_readable,
       -- since 15
       coalesce((pg_catalog.to_jsonb(s) ->> 'inherited')::pg_catalog.bool, false) AS inherited,
       pg_catalog.encode(s.n_distinct::pg_catalog.bytea, 'hex') AS n_distinct,
       pg_catalog.encode(s.dependencies::pg_catalog.bytea, 'hex') AS dependencies,
       ARRAY(SELECT pg_catalog.unnest(s.most_common_vals)) AS most_common_vals,
       coalesce(s.most_common_freqs, '{}') AS most_common_freqs,
       coalesce(s.most_common_base_freqs, '{}') AS most_common_base_freqs
FROM pg_catalog.pg_statistic_ext AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.stxnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = e.stxrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_stats_ext AS s ON s.statistics_schemaname = n.nspname AND s.statistics_name = e.stxname
ORDER BY n.nspname, e.stxname, inherited
