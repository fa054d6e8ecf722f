-- one row where this role may know it: the server's data folder, and the memory for a build in bytes
SELECT s.setting AS folder,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) AS work_mem_bytes
FROM pg_catalog.pg_settings AS s
WHERE s.name = 'data_directory'
