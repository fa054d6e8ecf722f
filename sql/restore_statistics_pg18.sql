-- one row: restored, whether the server took all the statistics of one column; parameters as insert_statistics.sql up to $17
SELECT pg_catalog.pg_restore_attribute_stats(
    'schemaname', $1::pg_catalog.text,
    'relname', $2::pg_catalog.text,
    'attname', $3::pg_catalog.text,
    'inherited', $4::pg_catalog.bool,
    'null_frac', $5::pg_catalog.float4,
    'avg_width', $6::pg_catalog.int4,
    'n_distinct', $7::pg_catalog.float4,
    'most_common_vals', $8::pg_catalog.text,
    'most_common_freqs', $9::pg_catalog.float4[],
    'histogram_bounds', $10::pg_catalog.text,
    'correlation', $11::pg_catalog.float4,
    'most_common_elems', $12::pg_catalog.text,
    'most_common_elem_freqs', $13::pg_catalog.float4[],
    'elem_count_histogram', $14::pg_catalog.float4[],
    'range_length_histogram', $15::pg_catalog.text,
    'range_empty_frac', $16::pg_catalog.float4,
    'range_bounds_histogram', $17::pg_catalog.text
) AS restored
