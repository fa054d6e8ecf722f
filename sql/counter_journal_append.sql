-- no row: adds the entries $1 to the journal of counters, in their order
INSERT INTO perfkit.counter_journal (entry)
SELECT e.entry::pg_catalog.jsonb
FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS e (entry, ordinality)
ORDER BY e.ordinality
