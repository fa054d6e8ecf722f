-- one row: allowed, whether this role may call function $1 (its name with argument types)
SELECT pg_catalog.has_function_privilege($1, 'EXECUTE') AS allowed
