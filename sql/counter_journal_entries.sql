-- one row an entry of the journal of counters, oldest first
SELECT j.entry::pg_catalog.text AS entry FROM perfkit.counter_journal AS j ORDER BY j.id
