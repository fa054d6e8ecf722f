-- one row: how many of the settings $1, with values $2 in parallel, this server knows and has taken
SELECT pg_catalog.count(pg_catalog.set_config(wanted.name, wanted.value, false)) AS taken
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) AS wanted (name, value)
JOIN pg_catalog.pg_settings AS s ON s.name = wanted.name
