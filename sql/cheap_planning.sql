-- one row: settings of a session that reads catalogs alone: compiling and starting workers take longer than the statements
-- themselves
SELECT pg_catalog.set_config('jit', 'off', false), pg_catalog.set_config('max_parallel_workers_per_gather', '0', false)
