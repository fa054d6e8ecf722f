//! Reads everything that makes up an index.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tokio_postgres::types::Oid;

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::index::change::IndexName;
use crate::index::change::journal::Counters;
use crate::index::change::record::Record;
use crate::index::change::restore::{State, Table};

const DOING: &str = "read the indexes to change";

/// Returns what makes up the index of this schema and name, with its partitions; `None` when there is none.
///
/// The session must not be in a transaction.
pub(crate) async fn read(connection: &Connection, index: &IndexName) -> Result<Option<Record>> {
    Ok(read_all(connection, std::slice::from_ref(index)).await?.pop())
}

/// Returns the same of those indexes that exist, in the order of schema, table and name.
pub(crate) async fn read_all(connection: &Connection, indexes: &[IndexName]) -> Result<Vec<Record>> {
    let schemas: Vec<&str> = indexes.iter().map(|index| index.schema.as_str()).collect();
    let names: Vec<&str> = indexes.iter().map(|index| index.name.as_str()).collect();
    let rows = qualified(connection, connection.query(sql::INDEX_RECORD, &[&schemas, &names])).await?;
    let mut roots = Vec::new();
    let mut children: BTreeMap<Oid, Vec<(Oid, Record)>> = BTreeMap::new();
    for row in rows {
        let record = parse(get(&row, "record")?)?;
        let (oid, parent): (Oid, Option<Oid>) = (get(&row, "oid")?, get(&row, "parent")?);
        if get(&row, "is_root")? {
            roots.push((oid, record));
        } else if let Some(parent) = parent {
            children.entry(parent).or_default().push((oid, record));
        }
    }
    Ok(roots.into_iter().map(|(oid, record)| with_partitions(oid, record, &children)).collect())
}

/// Returns what is there now of all that these records name, and of these indexes.
pub(crate) async fn state(
    connection: &Connection,
    records: &[&Record],
    indexes: &[IndexName],
) -> Result<State> {
    let (mut tables, mut names): (_, BTreeSet<IndexName>) =
        (BTreeSet::new(), indexes.iter().cloned().collect());
    tables.extend(indexes.iter().map(|index| (&index.schema, &index.table)));
    let mut open = records.to_vec();
    while let Some(record) = open.pop() {
        names.insert(record.index.clone());
        tables.insert((&record.index.schema, &record.index.table));
        tables.extend(record.foreign_keys.iter().map(|key| (&key.schema, &key.table)));
        open.extend(&record.partitions);
    }
    let (schemas, relations): (Vec<&String>, Vec<&String>) = tables.into_iter().unzip();
    let rows = connection
        .query(sql::INDEX_TABLES, &[&schemas, &relations])
        .await
        .map_err(Error::query("read the tables of the indexes"))?;
    let tables: Vec<Table> = rows.iter().map(|row| parse(get(row, "table")?)).collect::<Result<_>>()?;
    let indexes = read_all(connection, &names.into_iter().collect::<Vec<_>>()).await?;
    Ok(State { tables, indexes })
}

/// Returns how much an index was used; `None` when there is none.
pub(crate) async fn counters(connection: &Connection, index: &IndexName) -> Result<Option<Counters>> {
    let row = connection
        .query_opt(sql::INDEX_COUNTERS, &[&index.schema, &index.name])
        .await
        .map_err(Error::query(DOING))?;
    let Some(row) = row else { return Ok(None) };
    let count = |name: &str| -> Result<u64> { Ok(get::<i64>(&row, name)?.unsigned_abs()) };
    Ok(Some(Counters {
        n_scans: count("n_scans")?,
        n_tuples_read: count("n_tuples_read")?,
        n_tuples_fetched: count("n_tuples_fetched")?,
        last_scan_us: get(&row, "last_scan_us")?,
    }))
}

/// Runs a query where definitions name schemas in full: they must mean the same in any session.
pub(super) async fn qualified<T>(
    connection: &Connection,
    query: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    let execute = |sql: &'static str| connection.batch_execute(sql);
    execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(Error::query(DOING))?;
    let answer = match execute(sql::SEARCH_PATH_OF_CATALOG).await {
        Ok(()) => query.await,
        Err(error) => Err(error),
    };
    let ended = execute("ROLLBACK").await;
    let answer = answer.map_err(Error::query(DOING))?;
    ended.map_err(Error::query(DOING))?;
    Ok(answer)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::Answer {
        what: "an index or its table".to_owned(),
        reason: error.to_string(),
    })
}

fn with_partitions(oid: Oid, mut record: Record, children: &BTreeMap<Oid, Vec<(Oid, Record)>>) -> Record {
    let partitions = children.get(&oid).cloned().unwrap_or_default();
    record.partitions =
        partitions.into_iter().map(|(oid, record)| with_partitions(oid, record, children)).collect();
    record
}

#[cfg(test)]
mod tests {
    use super::super::test_server;
    use super::*;
    use crate::index::change::restore::{drop_statement, restore};

    const TABLES: &str = r#"
        CREATE SCHEMA "Sleep Lab";
        CREATE TABLE "Sleep Lab"."User's Nights" (
            "Id" int NOT NULL, "group" int NOT NULL, name text, "née" text, tags text[], span int4range, doc jsonb);
        INSERT INTO "Sleep Lab"."User's Nights"
            SELECT i, i % 7, 'n' || i, 'x' || i, ARRAY['a', 'b'], int4range(i, i + 1), '{}'
            FROM generate_series(1, 200) AS i;
        CREATE FUNCTION "Sleep Lab".half(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
        CREATE TABLE parts (id int NOT NULL, at date NOT NULL, kind int NOT NULL, note text) PARTITION BY RANGE (at);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE "parts 2" PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')
            PARTITION BY LIST (kind);
        CREATE TABLE parts_2a PARTITION OF "parts 2" FOR VALUES IN (1);
        CREATE TABLE parts_2b PARTITION OF "parts 2" DEFAULT;
        INSERT INTO parts SELECT i, date '2026-01-01' + i % 50, i % 3, 'n' FROM generate_series(1, 200) AS i"#;

    /// What makes an index and what is done to it; `%` stands for the quoted table. `#14` and the like begin one
    /// that needs this version.
    const ZOO: [&str; 24] = [
        r#"CREATE INDEX "Odd ""name""" ON % ("Id" DESC NULLS LAST, "née" COLLATE "C")"#,
        r"CREATE INDEX zoo ON % USING hash (name)",
        r#"CREATE INDEX zoo ON % ("group") INCLUDE (name, "née")"#,
        r#"CREATE INDEX zoo ON % (lower(name), "Id", ("Sleep Lab".half("Id")));
           ALTER INDEX "Sleep Lab".zoo ALTER COLUMN 1 SET STATISTICS 700;
           ALTER INDEX "Sleep Lab".zoo ALTER COLUMN 3 SET STATISTICS 0"#,
        r#"CREATE INDEX zoo ON % (name text_pattern_ops) WHERE "group" > 3 AND name <> ') WHERE (x'"#,
        r#"CREATE INDEX zoo ON % (("Id" + 1)) TABLESPACE fast WHERE CASE WHEN "group" > 3 THEN name = ' WHERE ' ELSE true END;
           COMMENT ON INDEX "Sleep Lab".zoo IS 'it''s "quoted" \ here'"#,
        r"CREATE INDEX zoo ON % USING gin (tags) WITH (fastupdate = off, gin_pending_list_limit = 128)",
        r"CREATE INDEX zoo ON % USING gin (doc jsonb_path_ops)",
        r"CREATE INDEX zoo ON % USING gist (span)",
        r"CREATE INDEX zoo ON % USING spgist (name) WITH (fillfactor = 60)",
        r#"CREATE INDEX zoo ON % USING brin ("Id" int4_minmax_multi_ops (values_per_range = 16)) WITH (pages_per_range = 8)"#,
        r#"CREATE INDEX zoo ON % ("Id") WITH (fillfactor = 55, deduplicate_items = off);
           ALTER TABLE % CLUSTER ON zoo"#,
        r#"CREATE UNIQUE INDEX zoo ON % ("Id");
           ALTER TABLE % REPLICA IDENTITY USING INDEX zoo"#,
        r#"#15 CREATE UNIQUE INDEX zoo ON % ("Id", name) NULLS NOT DISTINCT TABLESPACE fast"#,
        r#"ALTER TABLE % ADD CONSTRAINT "Zoo" PRIMARY KEY ("Id") INCLUDE (name) WITH (fillfactor = 70) USING INDEX TABLESPACE fast;
           COMMENT ON CONSTRAINT "Zoo" ON % IS 'the ''key''';
           COMMENT ON INDEX "Sleep Lab"."Zoo" IS 'its index'"#,
        r#"ALTER TABLE % ADD CONSTRAINT zoo UNIQUE ("Id", "group") DEFERRABLE INITIALLY DEFERRED"#,
        r#"ALTER TABLE % ADD CONSTRAINT zoo UNIQUE ("Id", "group") DEFERRABLE"#,
        r#"#15 ALTER TABLE % ADD CONSTRAINT zoo UNIQUE NULLS NOT DISTINCT ("Id", name)"#,
        r#"ALTER TABLE % ADD CONSTRAINT zoo EXCLUDE USING gist (span WITH &&) WITH (fillfactor = 80)
           USING INDEX TABLESPACE fast WHERE ("Id" > 0) DEFERRABLE INITIALLY DEFERRED;
           COMMENT ON CONSTRAINT zoo ON % IS 'no overlap'"#,
        r#"ALTER TABLE % ADD CONSTRAINT zoo UNIQUE ("Id");
           CREATE TABLE public.guests (id int CONSTRAINT "Guest" REFERENCES % ("Id") ON DELETE CASCADE);
           COMMENT ON CONSTRAINT "Guest" ON public.guests IS 'relies on it'"#,
        r#"CREATE INDEX "Parts" ON public.parts (id, lower(note)) WITH (fillfactor = 70);
           COMMENT ON INDEX public."Parts" IS 'all of them'; COMMENT ON INDEX public.parts_1_id_lower_idx IS 'the first';
           ALTER INDEX public.parts_2a_id_lower_idx ALTER COLUMN 2 SET STATISTICS 50;
           ALTER TABLE public.parts_1 CLUSTER ON parts_1_id_lower_idx"#,
        r#"CREATE UNIQUE INDEX "Parts" ON public.parts (id, at, kind) TABLESPACE fast"#,
        r#"ALTER TABLE public.parts ADD CONSTRAINT "Parts" PRIMARY KEY (id, at, kind)"#,
        r#"CREATE INDEX "Parts" ON ONLY public.parts (note);
           CREATE INDEX mine ON public.parts_1 (note); ALTER INDEX public."Parts" ATTACH PARTITION public.mine"#,
    ];

    async fn only(connection: &Connection) -> Record {
        let row = connection
            .query_one(
                "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE c.relkind IN ('i', 'I') AND NOT c.relispartition AND c.relname IN ('Odd \"name\"', 'zoo', 'Zoo', 'Parts')",
                &[],
            )
            .await
            .unwrap();
        let index = IndexName { schema: row.get(0), table: String::new(), name: row.get(1) };
        read(connection, &index).await.unwrap().unwrap()
    }

    async fn execute(connection: &Connection, script: &str) {
        for sql in script.split(';') {
            connection.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_dropped_comes_back_as_it_was() {
        let cluster = test_server::start().await;
        let connection = test_server::connect(&cluster, "postgres").await;
        execute(&connection, "SET allow_in_place_tablespaces = on").await;
        execute(&connection, "CREATE TABLESPACE fast LOCATION ''").await;
        execute(&connection, TABLES).await;
        for text in ZOO {
            let (needed, text) = match text.strip_prefix('#') {
                Some(text) => text.split_once(' ').unwrap(),
                None => ("0", text),
            };
            if connection.major() < needed.parse().unwrap() {
                continue;
            }
            execute(&connection, &text.replace('%', "\"Sleep Lab\".\"User's Nights\"")).await;
            let before = only(&connection).await;
            let json = serde_json::to_string(&before).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), before);
            let unchanged = state(&connection, &[&before], &[]).await.unwrap();
            assert_eq!(restore(&before, &unchanged), Ok(Vec::new()), "{text}");

            let dropped = drop_statement(&before).sql;
            let cascade = if before.foreign_keys.is_empty() { "" } else { " CASCADE" };
            execute(&connection, &format!("{dropped}{cascade}")).await;
            let now = state(&connection, &[&before], &[]).await.unwrap();
            for statement in restore(&before, &now).unwrap() {
                let sql = &statement.sql;
                connection.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            }
            assert_eq!(only(&connection).await, before, "{text}");
            execute(&connection, &format!("{dropped} CASCADE").replace("CONCURRENTLY ", "")).await;
            execute(&connection, "DROP TABLE IF EXISTS public.guests").await;
            execute(&connection, "ALTER TABLE \"Sleep Lab\".\"User's Nights\" REPLICA IDENTITY DEFAULT")
                .await;
            execute(&connection, "DROP INDEX IF EXISTS public.mine").await;
        }
    }
}
