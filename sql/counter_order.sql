-- one row if somebody has asked something of run $1: order, the last one
SELECT j.entry ->> 'order' AS order
FROM perfkit.counter_journal AS j
WHERE j.entry ->> 'run' = $1 AND j.entry ->> 'entry' = 'order'
ORDER BY j.id DESC
LIMIT 1
