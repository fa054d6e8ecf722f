-- one row an object that tables, indexes and queries may need: kind, name, ddl; in an order in which most can be created
WITH own_schema AS (
    SELECT n.oid, n.nspname
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
),
of_extension AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d WHERE d.deptype = 'e'
),
-- made together with a type: the functions and the cast of a range
of_type AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d
    WHERE d.deptype = 'i'
      AND d.classid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_cast'::pg_catalog.regclass)
),
object AS (
    SELECT 1 AS rank, n.oid, 'schema' AS kind, n.nspname::pg_catalog.text AS name,
           'pg_catalog.pg_namespace'::pg_catalog.regclass AS class,
           pg_catalog.format('CREATE SCHEMA IF NOT EXISTS %I', n.nspname) AS ddl
    FROM own_schema AS n
    UNION ALL
    -- an extension makes a schema of its own by itself
    SELECT 2, e.oid, 'extension', e.extname, 'pg_catalog.pg_extension'::pg_catalog.regclass,
           pg_catalog.format('CREATE EXTENSION IF NOT EXISTS %I', e.extname)
           || CASE WHEN NOT EXISTS (
                  SELECT 1 FROM of_extension AS x
                  WHERE x.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND x.objid = e.extnamespace
              ) THEN pg_catalog.format(' SCHEMA %I', e.extnamespace::pg_catalog.regnamespace::pg_catalog.name) ELSE '' END
           || ' CASCADE'
    FROM pg_catalog.pg_extension AS e
    WHERE e.extname <> 'plpgsql'
    UNION ALL
    SELECT 3, co.oid, 'collation', co.collname, 'pg_catalog.pg_collation'::pg_catalog.regclass,
           pg_catalog.format('CREATE COLLATION %I.%I (', n.nspname, co.collname)
           || CASE co.collprovider
                  WHEN 'i' THEN pg_catalog.format(
                      'PROVIDER = icu, LOCALE = %L',
                      coalesce(j.fields ->> 'colllocale', j.fields ->> 'colliculocale', co.collcollate)
                  )
                  WHEN 'b' THEN pg_catalog.format('PROVIDER = builtin, LOCALE = %L', j.fields ->> 'colllocale')
                  ELSE pg_catalog.format('LC_COLLATE = %L, LC_CTYPE = %L', co.collcollate, co.collctype)
              END
           || CASE WHEN j.fields ->> 'collicurules' IS NOT NULL
                   THEN pg_catalog.format(', RULES = %L', j.fields ->> 'collicurules') ELSE '' END
           || CASE WHEN co.collisdeterministic THEN ')' ELSE ', DETERMINISTIC = false)' END
    FROM pg_catalog.pg_collation AS co
    JOIN own_schema AS n ON n.oid = co.collnamespace
    CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(co) AS fields) AS j
    UNION ALL
    SELECT 4, t.oid, 'type', t.typname, 'pg_catalog.pg_type'::pg_catalog.regclass,
           CASE t.typtype
               WHEN 'e' THEN pg_catalog.format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname, (
                   SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                   FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
               ))
               -- the constraints of a domain do not matter to the planner
               WHEN 'd' THEN pg_catalog.format(
                   'CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, pg_catalog.format_type(t.typbasetype, t.typtypmod)
               ) || CASE WHEN t.typcollation <> 0 AND t.typcollation <> (
                             SELECT b.typcollation FROM pg_catalog.pg_type AS b WHERE b.oid = t.typbasetype
                         ) THEN ' COLLATE ' || t.typcollation::pg_catalog.regcollation::pg_catalog.text ELSE '' END
               WHEN 'r' THEN (
                   SELECT pg_catalog.format(
                              'CREATE TYPE %I.%I AS RANGE (SUBTYPE = %s, SUBTYPE_OPCLASS = %I.%I',
                              n.nspname, t.typname, pg_catalog.format_type(r.rngsubtype, NULL), on_.nspname, o.opcname
                          )
                          || CASE WHEN r.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF = ' || r.rngsubdiff::pg_catalog.text ELSE '' END
                          || CASE WHEN r.rngcollation NOT IN (0, s.typcollation)
                                  THEN ', COLLATION = ' || r.rngcollation::pg_catalog.regcollation::pg_catalog.text ELSE '' END
                          || pg_catalog.format(', MULTIRANGE_TYPE_NAME = %I.%I)', n.nspname, m.typname)
                   FROM pg_catalog.pg_range AS r
                   JOIN pg_catalog.pg_type AS s ON s.oid = r.rngsubtype
                   JOIN pg_catalog.pg_type AS m ON m.oid = r.rngmultitypid
                   JOIN pg_catalog.pg_opclass AS o ON o.oid = r.rngsubopc
                   JOIN pg_catalog.pg_namespace AS on_ ON on_.oid = o.opcnamespace
                   WHERE r.rngtypid = t.oid
               )
               ELSE pg_catalog.format('CREATE TYPE %I.%I AS (%s)', n.nspname, t.typname, (
                   SELECT pg_catalog.string_agg(pg_catalog.format(
                       '%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
                   ) || CASE WHEN a.attcollation NOT IN (0, at.typcollation)
                             THEN ' COLLATE ' || a.attcollation::pg_catalog.regcollation::pg_catalog.text ELSE '' END,
                       ', ' ORDER BY a.attnum)
                   FROM pg_catalog.pg_attribute AS a
                   JOIN pg_catalog.pg_type AS at ON at.oid = a.atttypid
                   WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
               ))
           END
    FROM pg_catalog.pg_type AS t
    JOIN own_schema AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
    WHERE t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
    UNION ALL
    SELECT 5, c.oid, 'sequence', c.relname, 'pg_catalog.pg_class'::pg_catalog.regclass,
           pg_catalog.format('CREATE SEQUENCE %I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class AS c
    JOIN own_schema AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't'
    UNION ALL
    -- triggers never run here
    SELECT 6, p.oid, 'function', p.oid::pg_catalog.regprocedure::pg_catalog.text, 'pg_catalog.pg_proc'::pg_catalog.regclass,
           -- it fails on aggregates, which a condition alone may not keep from it
           CASE WHEN p.prokind = 'f' THEN pg_catalog.pg_get_functiondef(p.oid) END
    FROM pg_catalog.pg_proc AS p
    JOIN own_schema AS n ON n.oid = p.pronamespace
    WHERE p.prokind = 'f'
      AND p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
    UNION ALL
    SELECT 7, p.oid, 'aggregate', p.oid::pg_catalog.regprocedure::pg_catalog.text, 'pg_catalog.pg_proc'::pg_catalog.regclass,
           pg_catalog.format(
               'CREATE AGGREGATE %I.%I (%s) (SFUNC = %s, STYPE = %s, PARALLEL = %s', n.nspname, p.proname,
               pg_catalog.pg_get_function_arguments(p.oid), a.aggtransfn, pg_catalog.format_type(a.aggtranstype, NULL),
               CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END
           )
           || CASE WHEN a.aggfinalfn <> 0 THEN ', FINALFUNC = ' || a.aggfinalfn::pg_catalog.text ELSE '' END
           || CASE WHEN a.aggcombinefn <> 0 THEN ', COMBINEFUNC = ' || a.aggcombinefn::pg_catalog.text ELSE '' END
           || CASE WHEN a.aggserialfn <> 0 THEN ', SERIALFUNC = ' || a.aggserialfn::pg_catalog.text
                   || ', DESERIALFUNC = ' || a.aggdeserialfn::pg_catalog.text ELSE '' END
           || CASE WHEN a.agginitval IS NOT NULL THEN pg_catalog.format(', INITCOND = %L', a.agginitval) ELSE '' END
           || ')'
    FROM pg_catalog.pg_aggregate AS a
    JOIN pg_catalog.pg_proc AS p ON p.oid = a.aggfnoid
    JOIN own_schema AS n ON n.oid = p.pronamespace
    WHERE a.aggkind = 'n'
    UNION ALL
    SELECT 8, o.oid, 'operator', o.oid::pg_catalog.regoperator::pg_catalog.text, 'pg_catalog.pg_operator'::pg_catalog.regclass,
           pg_catalog.format('CREATE OPERATOR %I.%s (FUNCTION = %s', n.nspname, o.oprname, o.oprcode)
           || CASE WHEN o.oprleft <> 0 THEN ', LEFTARG = ' || pg_catalog.format_type(o.oprleft, NULL) ELSE '' END
           || ', RIGHTARG = ' || pg_catalog.format_type(o.oprright, NULL)
           || coalesce((
                  SELECT pg_catalog.format(', COMMUTATOR = OPERATOR(%I.%s)', cn.nspname, c.oprname)
                  FROM pg_catalog.pg_operator AS c
                  JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.oprnamespace WHERE c.oid = o.oprcom
              ), '')
           || coalesce((
                  SELECT pg_catalog.format(', NEGATOR = OPERATOR(%I.%s)', cn.nspname, c.oprname)
                  FROM pg_catalog.pg_operator AS c
                  JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.oprnamespace WHERE c.oid = o.oprnegate
              ), '')
           || CASE WHEN o.oprrest <> 0 THEN ', RESTRICT = ' || o.oprrest::pg_catalog.text ELSE '' END
           || CASE WHEN o.oprjoin <> 0 THEN ', JOIN = ' || o.oprjoin::pg_catalog.text ELSE '' END
           || CASE WHEN o.oprcanhash THEN ', HASHES' ELSE '' END
           || CASE WHEN o.oprcanmerge THEN ', MERGES' ELSE '' END
           || ')'
    FROM pg_catalog.pg_operator AS o
    JOIN own_schema AS n ON n.oid = o.oprnamespace
    WHERE o.oprcode <> 0
    UNION ALL
    SELECT 9, k.oid, 'cast', pg_catalog.format('%s AS %s', k.castsource::pg_catalog.regtype, k.casttarget::pg_catalog.regtype),
           'pg_catalog.pg_cast'::pg_catalog.regclass,
           pg_catalog.format(
               'CREATE CAST (%s AS %s) WITH %s', pg_catalog.format_type(k.castsource, NULL), pg_catalog.format_type(k.casttarget, NULL),
               CASE k.castmethod WHEN 'f' THEN 'FUNCTION ' || k.castfunc::pg_catalog.regprocedure::pg_catalog.text
                                 WHEN 'i' THEN 'INOUT' END
           )
           || CASE k.castcontext WHEN 'i' THEN ' AS IMPLICIT' WHEN 'a' THEN ' AS ASSIGNMENT' ELSE '' END
    FROM pg_catalog.pg_cast AS k
    -- the first oid of what is not built in (FirstNormalObjectId in transam.h)
    WHERE k.oid >= 16384 AND k.castmethod IN ('f', 'i')
    UNION ALL
    SELECT 10, d.oid, 'text search dictionary', d.dictname, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass,
           pg_catalog.format('CREATE TEXT SEARCH DICTIONARY %I.%I (TEMPLATE = %I.%I%s)', n.nspname, d.dictname,
                             tn.nspname, t.tmplname, ', ' || d.dictinitoption)
    FROM pg_catalog.pg_ts_dict AS d
    JOIN own_schema AS n ON n.oid = d.dictnamespace
    JOIN pg_catalog.pg_ts_template AS t ON t.oid = d.dicttemplate
    JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.tmplnamespace
    UNION ALL
    SELECT 11, c.oid, 'text search configuration', c.cfgname, 'pg_catalog.pg_ts_config'::pg_catalog.regclass,
           pg_catalog.format('CREATE TEXT SEARCH CONFIGURATION %I.%I (PARSER = %I.%I)', n.nspname, c.cfgname, pn.nspname, p.prsname)
           || coalesce((
                  SELECT pg_catalog.string_agg(pg_catalog.format(
                      '; ALTER TEXT SEARCH CONFIGURATION %I.%I ADD MAPPING FOR %I WITH %s', n.nspname, c.cfgname, m.alias, m.dictionaries
                  ), '' ORDER BY m.alias)
                  FROM (
                      SELECT tt.alias,
                             pg_catalog.string_agg(m.mapdict::pg_catalog.regdictionary::pg_catalog.text, ', ' ORDER BY m.mapseqno)
                                 AS dictionaries
                      FROM pg_catalog.pg_ts_config_map AS m
                      JOIN pg_catalog.ts_token_type(c.cfgparser) AS tt ON tt.tokid = m.maptokentype
                      WHERE m.mapcfg = c.oid
                      GROUP BY tt.alias
                  ) AS m
              ), '')
    FROM pg_catalog.pg_ts_config AS c
    JOIN own_schema AS n ON n.oid = c.cfgnamespace
    JOIN pg_catalog.pg_ts_parser AS p ON p.oid = c.cfgparser
    JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.prsnamespace
)
SELECT o.kind, o.name, o.ddl
FROM object AS o
WHERE o.ddl IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM of_extension AS x WHERE x.classid = o.class AND x.objid = o.oid)
  AND NOT EXISTS (SELECT 1 FROM of_type AS x WHERE x.classid = o.class AND x.objid = o.oid)
ORDER BY o.rank, o.oid
