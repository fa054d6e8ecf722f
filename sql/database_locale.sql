-- one row: how this database orders its texts: encoding, provider, collate, ctype, name, icu_rules
SELECT pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text AS encoding,
       coalesce(j.fields ->> 'datlocprovider', 'c') AS provider,
       d.datcollate::pg_catalog.text AS collate,
       d.datctype::pg_catalog.text AS ctype,
       coalesce(j.fields ->> 'datlocale', j.fields ->> 'daticulocale') AS name,
       j.fields ->> 'daticurules' AS icu_rules
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(d) AS fields) AS j
WHERE d.datname = pg_catalog.current_database()
