//! Samples of the target's rows: values for parameters, and statistics of expressions that no index has yet.

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::{DbError, SqlState};

use super::catalog::{get, statistics};
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::array;
use crate::catalog::{Catalog, Table, TableKind};
use crate::query::quote::quote_identifier;
use crate::statistics::{ExpressionStatistics, Sample};

/// Enough values that a skewed draw has a long tail.
const SAMPLE_SIZE: f64 = 10_000.0;
/// A table that was never analyzed may be larger than it looks.
const MAX_VALUES: u32 = 50_000;
/// ANALYZE looks at 300 times the statistics target of 100 rows, in as many pages (`std_typanalyze` of analyze.c). Here it
/// is a little fewer rows, so that a local ANALYZE looks at every one of them.
const SAMPLED_ROWS: f64 = 29_000.0;
const ANALYZED_PAGES: f64 = 30_000.0;
/// A sample is held in memory; of wide rows fewer are read.
const MAX_SAMPLE_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
const ROWS_SENT_TOGETHER: usize = 1000;

/// Returns about 10,000 values of a column in text form, the same ones each time the data is the same.
pub(crate) async fn column(connection: &Connection, table: &Table, column: &str) -> Result<Vec<String>> {
    let statement = statement(table, column);
    let doing = || Error::query(format!("sample column \"{column}\" of table \"{}\"", table.name));
    let rows = connection.query(&statement, &[]).await.map_err(doing())?;
    rows.iter().map(|row| row.try_get(0).map_err(doing())).collect()
}

/// Returns the first rows of a query in text form, with the names of its columns. The text is one SELECT.
pub(crate) async fn query(
    connection: &Connection,
    sql: &str,
    max_rows: usize,
) -> Result<(Vec<String>, Vec<Vec<Option<String>>>)> {
    let limited = format!("SELECT * FROM (\n{sql}\n) AS perfkit_rows LIMIT {max_rows}");
    let doing = || Error::query("read the values of parameters");
    let prepared = connection.prepare(&limited).await.map_err(doing())?;
    let names = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    // The simple protocol has every type in text form.
    let messages = connection.simple_query(&limited).await.map_err(doing())?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
        _ => None,
    });
    Ok((names, rows.collect()))
}

/// Returns the first value that the server cannot read as the statement's `number`-th parameter, from 0, and what it says.
pub(crate) async fn first_refused(
    connection: &Connection,
    statement: &str,
    number: usize,
    values: &[Option<&str>],
) -> Result<Option<(usize, String)>> {
    let doing = || Error::query("read the types of parameters");
    let prepared = connection.prepare(statement).await.map_err(doing())?;
    let Some(of) = prepared.params().get(number) else { return Ok(None) };
    let type_name = format!("{}.{}", quote_identifier(of.schema()), quote_identifier(of.name()));
    let cast =
        format!("SELECT pg_catalog.count(value::{type_name}) FROM pg_catalog.unnest($1::text[]) AS value");
    let cast = connection.prepare(&cast).await.map_err(doing())?;
    // The part of the values that holds the first refused one is halved until it is alone.
    let (mut start, mut end, mut reason) = (0, values.len(), None);
    while start < end {
        let middle = if reason.is_none() { end } else { start + (end - start).div_ceil(2) };
        match connection.query_one(&cast, &[&&values[start..middle]]).await {
            Ok(_) if reason.is_none() => return Ok(None),
            Ok(_) => start = middle,
            Err(error) => match error.as_db_error().filter(|error| is_refusal(error.code())) {
                Some(refusal) => {
                    reason = Some(refusal.message().to_owned());
                    if middle - start == 1 {
                        break;
                    }
                    end = middle;
                }
                None => return Err(doing()(error)),
            },
        }
    }
    Ok(reason.map(|reason| (start, reason)))
}

/// Whether a value is not of a type, or not allowed by its domain.
fn is_refusal(code: &SqlState) -> bool {
    is_data_exception(code) || *code == SqlState::CHECK_VIOLATION || *code == SqlState::NOT_NULL_VIOLATION
}

/// Reads the rows that ANALYZE would look at, as the values of these columns and expressions: one query for each table,
/// which needs no more than SELECT on it.
///
/// A table that cannot be read (privileges, row-level security, an expression that fails, the session's timeout) is left
/// out with its reason in the second list.
pub(crate) async fn expressions(
    connection: &Connection,
    catalog: &Catalog,
    wanted: &[(&Table, Vec<String>)],
) -> Result<(Vec<Sample>, Vec<String>)> {
    // With it on, policies would hide rows in silence; off, they are an error.
    set_row_security(connection, "off").await?;
    let sampled = expressions_of_all(connection, catalog, wanted).await;
    set_row_security(connection, "on").await?;
    sampled
}

async fn expressions_of_all(
    connection: &Connection,
    catalog: &Catalog,
    wanted: &[(&Table, Vec<String>)],
) -> Result<(Vec<Sample>, Vec<String>)> {
    let (mut samples, mut gaps) = (Vec::new(), Vec::new());
    for (table, expressions) in wanted {
        let mut left = vec![expressions.as_slice()];
        while let Some(expressions) = left.pop() {
            match rows(connection, catalog, table, expressions).await {
                Ok(sample) => samples.push(sample),
                // One value may make an expression fail; the others get their rows alone.
                Err(Error::Query { source, .. })
                    if expressions.len() > 1 && source.code().is_some_and(is_data_exception) =>
                {
                    left.extend(expressions.chunks(1).rev());
                }
                Err(Error::Query { source, .. }) if source.as_db_error().is_some() => {
                    let message = source.as_db_error().map(DbError::message).unwrap_or_default();
                    gaps.push(format!(
                        "statistics of {} in table \"{}\": {message}",
                        expressions.join(", "),
                        table.name
                    ));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok((samples, gaps))
}

fn is_data_exception(code: &SqlState) -> bool {
    code.code().starts_with("22")
}

async fn set_row_security(connection: &Connection, value: &str) -> Result<()> {
    let doing = Error::query("switch row-level security");
    connection.execute(sql::SET_CONFIG, &[&"row_security", &value]).await.map_err(doing)?;
    Ok(())
}

async fn rows(
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    expressions: &[String],
) -> Result<Sample> {
    let (n_rows, n_pages) = size(catalog, table);
    let statement = rows_statement(table, expressions, n_rows, n_pages);
    let doing = || Error::query(format!("sample table \"{}\"", table.name));
    let found = connection.query(&statement, &[]).await.map_err(doing())?;
    let rows: Result<Vec<Vec<Option<String>>>> =
        found.iter().map(|row| (0..row.len()).map(|i| row.try_get(i).map_err(doing())).collect()).collect();
    Ok(Sample {
        schema: table.schema.clone(),
        table: table.name.clone(),
        expressions: expressions.to_vec(),
        rows: rows?,
        n_table_rows: n_rows,
    })
}

/// Rows and pages of a table, with those of its partitions.
fn size(catalog: &Catalog, table: &Table) -> (f64, f64) {
    if table.kind != TableKind::Partitioned {
        return (table.planned_rows(), f64::from(table.n_pages));
    }
    let is_part = |part: &&Table| part.partition_of.as_ref().is_some_and(|(parent, _)| *parent == table.oid);
    catalog
        .tables
        .iter()
        .filter(is_part)
        .map(|part| size(catalog, part))
        .fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// Whole blocks are read, and of their rows as many are kept as ANALYZE keeps, spread over all of them: rows of one block
/// are often alike. The hash of their places chooses them, so that the same data gives the same rows.
fn rows_statement(table: &Table, expressions: &[String], n_rows: f64, n_pages: f64) -> String {
    /// Largest value of `hashtid`, without its sign.
    const MAX_HASH: f64 = 2_147_483_647.0;
    let widths: f64 =
        table.columns.iter().filter_map(|column| column.statistics()).map(|of| f64::from(of.avg_width)).sum();
    let n_wanted = SAMPLED_ROWS.min(MAX_SAMPLE_BYTES / widths.max(1.0));
    let share_of_pages = (ANALYZED_PAGES / n_pages.max(1.0)).min(1.0);
    let share_of_rows = (n_wanted / (n_rows * share_of_pages).max(1.0)).min(1.0);
    let (only, sampling) = match table.kind {
        TableKind::Ordinary => ("ONLY ", true),
        TableKind::Partitioned | TableKind::MaterializedView => ("", true),
        TableKind::View | TableKind::Foreign => ("", false),
    };
    // A sample scan reads from the first page to the last, which other scans of large tables do not.
    let (sampling, places) = if sampling {
        (
            format!(" TABLESAMPLE SYSTEM ({:.6}) REPEATABLE (1)", share_of_pages * 100.0),
            format!(
                " WHERE (pg_catalog.hashtid(ctid)::bigint & 2147483647) <= {:.0}",
                share_of_rows * MAX_HASH
            ),
        )
    } else {
        (String::new(), String::new())
    };
    let expressions: Vec<String> =
        expressions.iter().map(|expression| format!("({expression})::pg_catalog.text")).collect();
    format!(
        "SELECT {} FROM {only}{}{sampling}{places} LIMIT {:.0}",
        expressions.join(", "),
        sql::quote_qualified(&table.schema, &table.name),
        n_wanted * 2.0
    )
}

/// Lets a local server's ANALYZE look at a sample, and returns what it would have said of the whole table.
///
/// The local server has an empty copy of the table, whose types the values are read into. `avg_width` is that of stored
/// values, up to three bytes less than ANALYZE says of an expression, and right for the size of an index.
pub(crate) async fn analyze_sample(local: &Connection, sample: &Sample) -> Result<Vec<ExpressionStatistics>> {
    const SCRATCH: &str = "perfkit_sample";
    let doing = || Error::query(format!("analyze the sample of table \"{}\"", sample.table));
    let scratch = sql::quote_qualified(&sample.schema, SCRATCH);
    let columns: Vec<String> =
        (0..).zip(&sample.expressions).map(|(i, sql)| format!("({sql}) AS e{i}")).collect();
    let create = format!(
        "DROP TABLE IF EXISTS {scratch}; CREATE UNLOGGED TABLE {scratch} AS SELECT {} FROM {} WITH NO DATA",
        columns.join(", "),
        sql::quote_qualified(&sample.schema, &sample.table)
    );
    local.batch_execute(&create).await.map_err(doing())?;
    let copied = local.copy_in::<_, Bytes>(&format!("COPY {scratch} FROM STDIN")).await.map_err(doing())?;
    futures_util::pin_mut!(copied);
    for rows in sample.rows.chunks(ROWS_SENT_TOGETHER) {
        let lines: String = rows.iter().map(|row| copy_line(row)).collect();
        copied.send(Bytes::from(lines)).await.map_err(doing())?;
    }
    copied.finish().await.map_err(doing())?;
    local.batch_execute(&format!("ANALYZE {scratch}")).await.map_err(doing())?;
    let read = if local.major() >= 17 { sql::CATALOG_STATISTICS_PG17 } else { sql::CATALOG_STATISTICS };
    let found = local.query(read, &[&vec![&sample.schema], &vec![SCRATCH]]).await.map_err(doing())?;
    let mut all = Vec::new();
    for row in &found {
        let column: String = get(row, "column")?;
        let Some(i) = column.strip_prefix('e').and_then(|number| number.parse::<usize>().ok()) else {
            continue;
        };
        let (mut statistics, n_bounds) = sample.scaled(i, statistics(row)?);
        if let Some(n_bounds) = n_bounds {
            let common = statistics.most_common_vals.as_deref().and_then(array::parse).unwrap_or_default();
            statistics.histogram_bounds =
                histogram(local, &scratch, &column, &common, n_bounds).await.map_err(doing())?;
        }
        all.push(ExpressionStatistics {
            schema: sample.schema.clone(),
            table: sample.table.clone(),
            expression: sample.expressions[i].clone(),
            statistics,
        });
    }
    local.batch_execute(&format!("DROP TABLE {scratch}")).await.map_err(doing())?;
    Ok(all)
}

/// Returns the bounds of a histogram of a column's values without the common ones, at the places where ANALYZE takes them.
async fn histogram(
    connection: &Connection,
    table: &str,
    column: &str,
    common: &[Option<String>],
    n_bounds: usize,
) -> Result<Option<String>, tokio_postgres::Error> {
    if n_bounds < 2 {
        return Ok(None);
    }
    let n_steps = n_bounds - 1;
    let bounds = format!(
        "SELECT s.value FROM (
             SELECT {column}::pg_catalog.text AS value,
                    pg_catalog.row_number() OVER (ORDER BY {column}) - 1 AS place,
                    pg_catalog.count(*) OVER () - 1 AS last
             FROM {table}
             WHERE {column} IS NOT NULL AND {column}::pg_catalog.text <> ALL ($1::pg_catalog.text[])
         ) AS s
         JOIN pg_catalog.generate_series(0, {n_steps}) AS step ON s.place = step * s.last / {n_steps}
         ORDER BY step"
    );
    let rows = connection.query(&bounds, &[&common]).await?;
    let values: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(Some(array::write(values?.iter().map(|value| Some(value.as_str())))))
}

/// Returns a row in the text format of COPY (manual, COPY, "Text Format").
fn copy_line(row: &[Option<String>]) -> String {
    let values: Vec<String> = row
        .iter()
        .map(|value| match value {
            None => "\\N".to_owned(),
            Some(text) => {
                text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
            }
        })
        .collect();
    format!("{}\n", values.join("\t"))
}

fn statement(table: &Table, column: &str) -> String {
    let column = sql::quote_identifier(column);
    // Whole blocks are read: cheap in a large table, and a small one is read in full.
    let share = SAMPLE_SIZE / table.planned_rows().max(1.0);
    let sampling = match table.kind {
        TableKind::Ordinary | TableKind::Partitioned | TableKind::MaterializedView if share < 0.5 => {
            format!(" TABLESAMPLE SYSTEM ({:.6}) REPEATABLE (1)", share * 100.0)
        }
        _ => String::new(),
    };
    // By text, since not every type has an order of its own.
    format!(
        "SELECT {column}::pg_catalog.text FROM {}{sampling} WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {MAX_VALUES}",
        sql::quote_qualified(&table.schema, &table.name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, ColumnStatistics};
    use crate::pg::catalog;
    use crate::pg::test_server::{connect, start};

    /// Skewed texts, numbers in the order of the rows, keys of documents, dates, arrays, NULLs.
    const TABLE: &str =
        "CREATE TABLE public.t (id bigint, name text, doc jsonb, at timestamptz, tags text[])";
    const ROWS: &str = "INSERT INTO public.t
        SELECT i, CASE WHEN i % 10 = 0 THEN 'Common' ELSE 'Name ' || (hashint4(i) & 65535) END,
               CASE WHEN i % 5 > 0 THEN jsonb_build_object('k', hashint4(i + 7) & 511) END,
               timestamptz '2026-01-01 00:00Z' + i * interval '20 seconds',
               ARRAY['a' || i % 3, 'b' || i % 50, E'tab\\t\\\\N']
        FROM generate_series(1, 200000) AS i";
    const EXPRESSIONS: [&str; 5] = [
        "lower(name)",
        "(doc ->> 'k')::int",
        "id / 7",
        "date_trunc('hour', at AT TIME ZONE 'UTC')",
        "array_append(tags, 'c')",
    ];

    fn list(text: Option<&String>) -> Vec<String> {
        crate::array::parse(text.map_or("{}", String::as_str)).unwrap().into_iter().flatten().collect()
    }

    /// Compares what the sample says with what ANALYZE said of an index of the expression.
    fn check(expression: &str, found: &ColumnStatistics, truth: &ColumnStatistics) {
        let near = |what: &str, found: f32, truth: f32, tolerance: f32| {
            assert!((found - truth).abs() <= tolerance, "{expression}: {what} {found}, not {truth}");
        };
        near("null_frac", found.null_frac, truth.null_frac, 0.01);
        near("n_distinct", found.n_distinct, truth.n_distinct, truth.n_distinct.abs() * 0.1);
        // A value that was computed has a header of four bytes; once it is stored, as in an index, one is enough.
        let header = truth.avg_width - found.avg_width;
        assert!((0..=3).contains(&header), "{expression}: {} bytes", found.avg_width);
        near("correlation", found.correlation.unwrap_or(0.0), truth.correlation.unwrap_or(0.0), 0.05);
        let freqs = |of: &ColumnStatistics| -> Vec<(String, f32)> {
            let values = list(of.most_common_vals.as_ref());
            values.into_iter().zip(of.most_common_freqs.clone().unwrap_or_default()).collect()
        };
        let (ours, theirs) = (freqs(found), freqs(truth));
        for (value, freq) in &theirs {
            let found = ours.iter().find(|(other, _)| other == value).map_or(0.0, |(_, freq)| *freq);
            near(value, found, *freq, 0.01);
        }
        // Of values that are equally common, chance makes some significantly more so.
        assert!(ours.len().abs_diff(theirs.len()) <= 25, "{expression}: {} of {}", ours.len(), theirs.len());
        let (ours, theirs) = (list(found.histogram_bounds.as_ref()), list(truth.histogram_bounds.as_ref()));
        assert!(ours.len().abs_diff(theirs.len()) <= 1, "{expression}: {} bounds", ours.len());
        let elements = |of: &ColumnStatistics| list(of.most_common_elems.as_ref());
        assert_eq!(elements(found), elements(truth), "{expression}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sample_says_of_expressions_what_their_indexes_would_know() {
        let cluster = start().await;
        let admin = connect(&cluster, "postgres").await;
        for name in ["target", "local"] {
            admin.execute(&format!("CREATE DATABASE {name}"), &[]).await.unwrap();
        }
        let mut target = connect(&cluster, "target").await;
        let local = connect(&cluster, "local").await;
        target.batch_execute(TABLE).await.unwrap();
        local.batch_execute(TABLE).await.unwrap();
        target.batch_execute(ROWS).await.unwrap();
        target.batch_execute("ANALYZE public.t").await.unwrap();
        let catalog = catalog::load(&mut target).await.unwrap();
        let table = &catalog.tables[0];

        let wanted = EXPRESSIONS.iter().copied().chain(["id", "name"]).map(str::to_owned).collect();
        let (samples, gaps) = expressions(&target, &catalog, &[(table, wanted)]).await.unwrap();
        assert!(gaps.is_empty(), "{gaps:?}");
        let sample = &samples[0];
        assert!((25_000..35_000).contains(&sample.rows.len()), "{}", sample.rows.len());
        let found = analyze_sample(&local, sample).await.unwrap();

        for (i, expression) in EXPRESSIONS.iter().enumerate() {
            let method = if i == 4 { "gin" } else { "btree" };
            let create = format!("CREATE INDEX i{i} ON public.t USING {method} (({expression}))");
            target.batch_execute(&create).await.unwrap();
        }
        target.batch_execute("ANALYZE public.t").await.unwrap();
        let catalog: Catalog = catalog::load(&mut target).await.unwrap();
        for (i, expression) in EXPRESSIONS.iter().enumerate() {
            let name = format!("i{i}");
            let index = catalog.tables[0].indexes.iter().find(|index| index.name == name).unwrap();
            let found = found.iter().find(|found| found.expression == *expression).unwrap();
            check(expression, &found.statistics, &index.statistics[0].1);
        }
        // As many as ANALYZE says, which is too few where most values are rare.
        let name = catalog.tables[0].column("name").unwrap().distinct(200_000.0);
        for (columns, truth) in [(&["id"][..], 200_000.0), (&["name"], name), (&["id", "name"], 200_000.0)] {
            let estimate = sample.combinations().distinct(columns).unwrap();
            assert!((estimate / truth - 1.0).abs() < 0.1, "{columns:?}: {estimate} of {truth}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_read_is_named() {
        let cluster = start().await;
        let mut connection = connect(&cluster, "postgres").await;
        connection
            .batch_execute(
                "CREATE TABLE open (a int, b text); INSERT INTO open VALUES (0, 'x'), (1, E'y\\t\\\\');
                 CREATE TABLE hidden (a int); CREATE TABLE policed (a int);
                 CREATE TABLE parted (a int) PARTITION BY LIST (a);
                 CREATE TABLE part PARTITION OF parted DEFAULT; INSERT INTO parted VALUES (3), (4);
                 ALTER TABLE policed ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON policed USING (a > 0);
                 CREATE ROLE reader; GRANT SELECT ON open, policed, parted TO reader",
            )
            .await
            .unwrap();
        let catalog = catalog::load(&mut connection).await.unwrap();
        connection.batch_execute("SET ROLE reader").await.unwrap();
        let table = |name: &str| catalog.tables.iter().find(|table| table.name == name).unwrap();
        let of = |expressions: &[&str]| expressions.iter().map(|&sql| sql.to_owned()).collect::<Vec<_>>();
        let wanted = [
            (table("open"), of(&["1 / a", "b || 'z'"])),
            (table("hidden"), of(&["a + 1"])),
            (table("policed"), of(&["a + 1"])),
            (table("parted"), of(&["a + 1"])),
        ];
        let (samples, gaps) = expressions(&connection, &catalog, &wanted).await.unwrap();
        let rows: Vec<Vec<&str>> = samples
            .iter()
            .map(|sample| sample.rows.iter().flatten().flatten().map(String::as_str).collect())
            .collect();
        assert_eq!(rows, [vec!["xz", "y\t\\z"], vec!["4", "5"]]);
        assert_eq!(gaps.len(), 3, "{gaps:?}");
        for (gap, expected) in
            gaps.iter().zip(["division by zero", "permission denied", "row-level security"])
        {
            assert!(gap.contains(expected), "{gap}");
        }
        assert_eq!(copy_line(&[None, Some("a\tb\\\n".to_owned())]), "\\N\ta\\tb\\\\\\n\n");
    }
}
