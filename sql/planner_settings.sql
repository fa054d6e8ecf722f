-- one row a setting that changes plans: name, value
SELECT s.name, pg_catalog.current_setting(s.name) AS value
FROM pg_catalog.pg_settings AS s
WHERE s.category LIKE 'Query Tuning%' AND s.name NOT LIKE 'jit%'
   OR s.name IN ('work_mem', 'hash_mem_multiplier', 'TimeZone', 'default_text_search_config', 'max_parallel_workers_per_gather',
                 'max_parallel_workers', 'parallel_leader_participation')
ORDER BY s.name
