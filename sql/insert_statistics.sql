-- inserts one row into a shadow's pg_statistic from one row of pg_stats; none if the column is not there
--
-- $1 schema, $2 table, $3 column, then the columns of pg_stats in the order of catalog_statistics.sql, $18 the type of an
-- expression that an index keeps in another type, as GIN keeps words. Operators and collations are found as the server's
-- GetDefaultOpClass() finds them: through domains and binary-coercible types.
WITH RECURSIVE
p AS MATERIALIZED (
  SELECT $1::text AS nsp, $2::text AS rel, $3::text AS col, $4::boolean AS inh,
         $5::real AS null_frac, $6::integer AS avg_width, $7::real AS n_distinct,
         $8::text AS mcv, $9::real[] AS mcf, $10::text AS hist, $11::real AS corr,
         $12::text AS mce, $13::real[] AS mcef, $14::real[] AS dech,
         $15::text AS rlen, $16::real AS rempty, $17::text AS rbounds, $18::oid AS own_typ
),
col AS MATERIALIZED (
  SELECT a.attrelid, a.attnum, a.attcollation, coalesce(p.own_typ, a.atttypid) AS typ, p.*
  FROM p
  JOIN pg_catalog.pg_namespace n ON n.nspname = p.nsp
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.rel
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = p.col AND a.attnum > 0 AND NOT a.attisdropped
),
dom(typ, lvl) AS (           -- column type, then down through domains
  SELECT typ, 0 FROM col
  UNION ALL
  SELECT t.typbasetype, d.lvl + 1 FROM dom d JOIN pg_catalog.pg_type t ON t.oid = d.typ WHERE t.typtype = 'd'
),
base AS MATERIALIZED (       -- base type, its element type (true arrays; tsvector counts as text), its range type
  SELECT t.oid AS base,
         CASE WHEN t.oid = 3614 THEN 25::oid
              WHEN t.typelem <> 0 AND t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc THEN t.typelem END AS elem,
         CASE WHEN t.typtype = 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid)
              WHEN t.typtype = 'r' THEN t.oid END AS rng
  FROM (SELECT typ FROM dom ORDER BY lvl DESC LIMIT 1) d JOIN pg_catalog.pg_type t ON t.oid = d.typ
),
edom(typ, lvl) AS (          -- element type, then down through domains
  SELECT elem, 0 FROM base WHERE elem IS NOT NULL
  UNION ALL
  SELECT t.typbasetype, d.lvl + 1 FROM edom d JOIN pg_catalog.pg_type t ON t.oid = d.typ WHERE t.typtype = 'd'
),
want AS MATERIALIZED (       -- the types whose default operators are needed
  SELECT 'col' AS what, t.* FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.base
  UNION ALL
  SELECT 'elem', t.* FROM (SELECT typ FROM edom ORDER BY lvl DESC LIMIT 1) e JOIN pg_catalog.pg_type t ON t.oid = e.typ
),
opc AS (                     -- GetDefaultOpClass(): exact type, else binary-coercible, preferred type first
  SELECT DISTINCT ON (w.what, oc.opcmethod) w.what, oc.opcmethod, oc.opcfamily, oc.opcintype
  FROM want w
  JOIN pg_catalog.pg_opclass oc ON oc.opcdefault AND oc.opcmethod IN (403, 405)   -- btree, hash
  JOIN pg_catalog.pg_type it ON it.oid = oc.opcintype
  WHERE oc.opcintype = w.oid
     OR (oc.opcintype = 2277 AND w.typelem <> 0 AND w.typsubscript = 'pg_catalog.array_subscript_handler'::regproc)  -- anyarray
     OR (oc.opcintype = 3500 AND w.typtype = 'e')     -- anyenum
     OR (oc.opcintype = 3831 AND w.typtype = 'r')     -- anyrange
     OR (oc.opcintype = 4537 AND w.typtype = 'm')     -- anymultirange
     OR (oc.opcintype = 2249 AND w.typtype = 'c')     -- record
     OR EXISTS (SELECT 1 FROM pg_catalog.pg_cast k
                WHERE k.castsource = w.oid AND k.casttarget = oc.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i')
  ORDER BY w.what, oc.opcmethod, oc.opcintype = w.oid DESC, it.typispreferred AND it.typcategory = w.typcategory DESC
),
ops AS MATERIALIZED (
  SELECT coalesce(max(o.amopopr) FILTER (WHERE c.what = 'col' AND c.opcmethod = 403 AND o.amopstrategy = 3),
                  max(o.amopopr) FILTER (WHERE c.what = 'col' AND c.opcmethod = 405)) AS eq,
         max(o.amopopr) FILTER (WHERE c.what = 'col' AND c.opcmethod = 403 AND o.amopstrategy = 1) AS lt,
         coalesce(max(o.amopopr) FILTER (WHERE c.what = 'elem' AND c.opcmethod = 403 AND o.amopstrategy = 3),
                  max(o.amopopr) FILTER (WHERE c.what = 'elem' AND c.opcmethod = 405)) AS eeq
  FROM opc c
  JOIN pg_catalog.pg_amop o ON o.amopfamily = c.opcfamily AND o.amopmethod = c.opcmethod
   AND o.amoplefttype = c.opcintype AND o.amoprighttype = c.opcintype AND o.amoppurpose = 's'
   AND o.amopstrategy IN (1, 3)
)
INSERT INTO pg_catalog.pg_statistic (
  starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct,
  stakind1, stakind2, stakind3, stakind4, stakind5,
  staop1, staop2, staop3, staop4, staop5,
  stacoll1, stacoll2, stacoll3, stacoll4, stacoll5,
  stanumbers1, stanumbers2, stanumbers3, stanumbers4, stanumbers5,
  stavalues1, stavalues2, stavalues3, stavalues4, stavalues5)
SELECT c.attrelid, c.attnum, c.inh, c.null_frac, c.avg_width, c.n_distinct,
  k.k1, k.k2, k.k3, k.k4, k.k5,
  CASE k.k1 WHEN 1 THEN ops.eq WHEN 6 THEN 672::oid ELSE 0::oid END,
  CASE k.k2 WHEN 2 THEN ops.lt ELSE 0::oid END,
  CASE k.k3 WHEN 3 THEN ops.lt ELSE 0::oid END,
  CASE k.k4 WHEN 4 THEN ops.eeq ELSE 0::oid END,
  CASE k.k5 WHEN 5 THEN ops.eeq ELSE 0::oid END,
  CASE k.k1 WHEN 1 THEN c.attcollation ELSE 0::oid END,
  CASE k.k2 WHEN 2 THEN c.attcollation ELSE 0::oid END,
  CASE k.k3 WHEN 3 THEN c.attcollation ELSE 0::oid END,
  CASE k.k4 WHEN 4 THEN CASE WHEN b.base = 3614 THEN 100::oid ELSE c.attcollation END ELSE 0::oid END,
  CASE k.k5 WHEN 5 THEN c.attcollation ELSE 0::oid END,
  CASE k.k1 WHEN 1 THEN c.mcf WHEN 6 THEN ARRAY[c.rempty] END,
  NULL::real[],
  CASE k.k3 WHEN 3 THEN ARRAY[c.corr] END,
  CASE k.k4 WHEN 4 THEN c.mcef END,
  CASE k.k5 WHEN 5 THEN c.dech END,
  CASE k.k1 WHEN 1 THEN pg_catalog.array_in(pg_catalog.textout(c.mcv), c.typ, -1)
            WHEN 6 THEN pg_catalog.array_in(pg_catalog.textout(c.rlen), 701, -1) END,
  CASE k.k2 WHEN 2 THEN pg_catalog.array_in(pg_catalog.textout(c.hist), c.typ, -1)
            WHEN 7 THEN pg_catalog.array_in(pg_catalog.textout(c.rbounds), b.rng, -1) END,
  NULL,
  CASE k.k4 WHEN 4 THEN pg_catalog.array_in(pg_catalog.textout(c.mce), b.elem, -1) END,
  NULL
FROM col c
CROSS JOIN base b
CROSS JOIN ops
CROSS JOIN LATERAL (
  SELECT CASE WHEN c.mcv IS NOT NULL THEN 1 WHEN c.rempty IS NOT NULL THEN 6 ELSE 0 END::smallint AS k1,
         CASE WHEN c.hist IS NOT NULL THEN 2 WHEN c.rbounds IS NOT NULL THEN 7 ELSE 0 END::smallint AS k2,
         CASE WHEN c.corr IS NOT NULL THEN 3 ELSE 0 END::smallint AS k3,
         CASE WHEN c.mce IS NOT NULL THEN 4 ELSE 0 END::smallint AS k4,
         CASE WHEN c.dech IS NOT NULL THEN 5 ELSE 0 END::smallint AS k5
) k
