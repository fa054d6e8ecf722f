-- the most common and a rare value of a column by its statistics, as text: schema, table and column are $1 to $3
SELECT (s.most_common_vals::pg_catalog.text::pg_catalog.text[])[1] AS common,
       COALESCE((s.histogram_bounds::pg_catalog.text::pg_catalog.text[])
                [pg_catalog.array_length(s.histogram_bounds::pg_catalog.text::pg_catalog.text[], 1) / 2 + 1],
                (s.most_common_vals::pg_catalog.text::pg_catalog.text[])
                [pg_catalog.array_length(s.most_common_freqs, 1)]) AS rare
FROM pg_catalog.pg_stats AS s
WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3
ORDER BY s.inherited
LIMIT 1
