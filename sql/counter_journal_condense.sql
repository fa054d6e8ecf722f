-- no row: deletes from the journal of counters what a later entry of the same run has replaced: how far it was, and what was asked of it
DELETE FROM perfkit.counter_journal AS j
WHERE j.entry ->> 'entry' IN ('progress', 'order')
  AND j.id NOT IN (
      SELECT pg_catalog.max(last.id)
      FROM perfkit.counter_journal AS last
      WHERE last.entry ->> 'entry' IN ('progress', 'order')
      GROUP BY last.entry ->> 'entry', last.entry ->> 'run'
  )
