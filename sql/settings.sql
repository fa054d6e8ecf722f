-- one row a setting that explains a plan: name, and value in the setting's base unit
SELECT s.name, s.setting
FROM pg_catalog.pg_settings AS s
WHERE s.category LIKE 'Query Tuning%'
   OR s.name IN ('work_mem', 'hash_mem_multiplier', 'shared_buffers', 'track_io_timing', 'effective_io_concurrency',
                 'max_parallel_workers_per_gather', 'max_parallel_workers', 'max_worker_processes',
                 'parallel_leader_participation', 'default_statistics_target', 'autovacuum', 'server_version_num')
ORDER BY s.name
