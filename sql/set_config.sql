-- one row: setting $1 of this session is $2 now
SELECT pg_catalog.set_config($1, $2, false)
