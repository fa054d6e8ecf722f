-- one row if database $1 exists: oid
SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = $1
