-- one row an expression of an extended statistics object: schema, name, expression, then as catalog_statistics.sql
SELECT s.statistics_schemaname AS schema,
       s.statistics_name AS name,
       s.expr AS expression,
       coalesce((pg_catalog.to_jsonb(s) ->> 'inherited')::pg_catalog.bool, false) AS inherited,
       s.null_frac,
       s.avg_width,
       s.n_distinct,
       s.most_common_vals::pg_catalog.text,
       s.most_common_freqs,
       s.histogram_bounds::pg_catalog.text,
       s.correlation,
       s.most_common_elems::pg_catalog.text,
       s.most_common_elem_freqs,
       s.elem_count_histogram,
       NULL::pg_catalog.text AS range_length_histogram,
       NULL::pg_catalog.float4 AS range_empty_frac,
       NULL::pg_catalog.text AS range_bounds_histogram
FROM pg_catalog.pg_stats_ext_exprs AS s
-- a row without numbers was never filled
WHERE s.null_frac IS NOT NULL
ORDER BY s.statistics_schemaname, s.statistics_name, s.expr
