-- one row a patched row of run $1
SELECT p.table_number, p.row_number, p.attempt, p.reason
FROM perfkit.seed_patch AS p
WHERE p.run = $1
ORDER BY p.table_number, p.row_number
