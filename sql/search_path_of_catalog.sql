-- one row; until the transaction ends, definitions name everything outside of pg_catalog with its schema
SELECT pg_catalog.set_config('search_path', '', true)
