-- one row: gives up perfkit's lock on changing indexes of this database
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtext('perfkit'), pg_catalog.hashtext('index')) AS unlocked
