-- one row an entry of the journal, oldest first
SELECT j.entry::pg_catalog.text AS entry FROM perfkit.index_journal AS j ORDER BY j.id
