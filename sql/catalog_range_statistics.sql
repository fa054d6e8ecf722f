-- one row a column with statistics of ranges, which pg_stats shows since 17, for the tables named by schemas $1 and names
-- $2 in parallel
SELECT n.nspname AS schema,
       c.relname AS table,
       a.attname AS column,
       s.stainherit AS inherited,
       CASE 6 WHEN s.stakind1 THEN s.stavalues1::pg_catalog.text WHEN s.stakind2 THEN s.stavalues2::pg_catalog.text
              WHEN s.stakind3 THEN s.stavalues3::pg_catalog.text END AS range_length_histogram,
       CASE 6 WHEN s.stakind1 THEN s.stanumbers1[1] WHEN s.stakind2 THEN s.stanumbers2[1]
              WHEN s.stakind3 THEN s.stanumbers3[1] END AS range_empty_frac,
       CASE 7 WHEN s.stakind1 THEN s.stavalues1::pg_catalog.text WHEN s.stakind2 THEN s.stavalues2::pg_catalog.text
              WHEN s.stakind3 THEN s.stavalues3::pg_catalog.text END AS range_bounds_histogram
FROM pg_catalog.pg_statistic AS s
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
JOIN pg_catalog.pg_class AS c ON c.oid = s.starelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) AS wanted (schema, name) ON wanted.schema = n.nspname AND wanted.name = c.relname
WHERE 6 IN (s.stakind1, s.stakind2, s.stakind3) OR 7 IN (s.stakind1, s.stakind2, s.stakind3)
ORDER BY n.nspname, c.relname, a.attname, s.stainherit
