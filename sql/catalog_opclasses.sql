-- one row an operator class: oid, name, opfamily, the type it is for, and whether it is that type's default
SELECT c.oid,
       c.opcname AS name,
       c.opcfamily AS opfamily,
       c.opcintype AS type,
       t.typname AS type_name,
       c.opcdefault AS is_default
FROM pg_catalog.pg_opclass AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.opcintype
ORDER BY c.oid
