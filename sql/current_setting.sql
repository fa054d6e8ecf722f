-- one row: the value of setting $1 in this session
SELECT pg_catalog.current_setting($1) AS value
