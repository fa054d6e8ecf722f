-- one row: gives up perfkit's lock on changing what $1 names in this database
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtext('perfkit'), pg_catalog.hashtext($1)) AS unlocked
