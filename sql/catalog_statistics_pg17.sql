-- one row of pg_stats a column, for the tables named by schemas $1 and names $2 in parallel
SELECT s.schemaname AS schema,
       s.tablename AS table,
       s.attname AS column,
       s.inherited,
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
       s.range_length_histogram::pg_catalog.text,
       s.range_empty_frac,
       s.range_bounds_histogram::pg_catalog.text
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) AS wanted (schema, name)
-- OFFSET 0: looked up table by table, since a join would read the statistics of all
CROSS JOIN LATERAL (
    SELECT * FROM pg_catalog.pg_stats AS s
    WHERE s.schemaname = wanted.schema AND s.tablename = wanted.name OFFSET 0
) AS s
ORDER BY s.schemaname, s.tablename, s.attname, s.inherited
