-- one row if database $1 exists
SELECT 1 AS found FROM pg_catalog.pg_database WHERE datname = $1
