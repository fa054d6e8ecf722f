-- one row: the settings of this session; $1 and $2 in milliseconds, $3 on or off
SELECT pg_catalog.set_config('statement_timeout', $1, false),
       pg_catalog.set_config('lock_timeout', $2, false),
       pg_catalog.set_config('default_transaction_read_only', $3, false),
       pg_catalog.set_config('client_min_messages', 'warning', false),
       pg_catalog.set_config('DateStyle', 'ISO', false),
       pg_catalog.set_config('IntervalStyle', 'postgres', false),
       pg_catalog.set_config('extra_float_digits', '3', false)
