//! Migration files: the steps of a plan as the frameworks want them that run migrations.

use std::time::Duration;

use super::backfill::sql::{begin_batch, count, put_aside, take_next};
use super::backfill::{Due, Protocol, sql as batch_sql};
use super::name;
use super::site::Site;
use super::state::State;
use super::steps::{Action, Step};
use super::triggers;
use super::triggers::each;
use super::triggers::guard::all_guards;
use crate::index::migration::{Framework, MigrationFile, Place, TransactionChange as Change, transactions};
use crate::query::quote;

const NAME: &str = "perfkit_counters";
const WHY: &str =
    "Each step is a transaction of its own and locks for a moment; rows are counted in many short ones.";
/// How long a step waits for its lock while others queue up behind it; then the migration fails, and may be run again.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Parents that are counted at once.
const BATCH_ROWS: u32 = 200;
/// The pause after a batch leaves room for others.
const PAUSE_S: f64 = 0.05;

/// Why a migration cannot make a counter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MigrationError {
    #[error(
        "{0} has no index on the key, so that it has to be counted in one scan, which no migration can do while others write"
    )]
    Scan(super::site::QualifiedName),
    #[error(
        "changes of {0} that are pending have to be folded, which no migration can do while others write"
    )]
    Fold(super::site::QualifiedName),
}

impl MigrationError {
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Scan(_) => "Create an index on the key first, or let `perfkit counter add` do it.",
            Self::Fold(_) => "Let `perfkit counter add` do it.",
        }
    }
}

/// Returns the files that do the steps of a plan for these sites, and take them back; none when there is nothing to do.
pub(crate) fn files(
    framework: Framework,
    (steps, sites): (&[Step], &[Site]),
    state: &State,
    place: &Place,
) -> Result<Vec<MigrationFile>, MigrationError> {
    let changes: Vec<Change> =
        steps.iter().map(|step| change(step, sites, state)).collect::<Result<_, _>>()?;
    Ok(transactions(framework, (NAME, WHY), &changes, place))
}

fn change(step: &Step, sites: &[Site], state: &State) -> Result<Change, MigrationError> {
    let up = match &step.action {
        Action::MakeRows(site) => vec![batch_sql::make_all_rows(site)],
        Action::Backfill { site, due, protocol } => vec![backfill(site, *due, *protocol)?],
        Action::Fold(site) => return Err(MigrationError::Fold(site.child.clone())),
        _ if step.lock.is_some() => {
            let timeout = format!("SET LOCAL lock_timeout = '{}ms'", LOCK_TIMEOUT.as_millis());
            std::iter::once(timeout).chain(step.sql.iter().cloned()).collect()
        }
        _ => step.sql.clone(),
    };
    Ok(Change {
        verb: step.action.verb().to_owned(),
        on: step.on.name.clone(),
        up,
        down: down(step, sites, state),
    })
}

/// Returns what takes a step back; what goes with another step needs nothing.
fn down(step: &Step, sites: &[Site], state: &State) -> Vec<String> {
    let is_made = |create: &[String]| create.first().is_some_and(|create| step.sql.contains(create));
    match &step.action {
        Action::AddColumns => {
            let of_table =
                sites.iter().filter(|site| site.parent == step.on || name::pending(site) == step.on);
            let missing = of_table.flat_map(|site| &site.counters).filter(|counter| {
                state.table(&step.on).is_some_and(|table| table.column(&counter.column).is_none())
            });
            let mut drops: Vec<String> = missing
                .map(|counter| format!("DROP COLUMN IF EXISTS {}", quote::identifier(&counter.column)))
                .collect();
            drops.dedup();
            if drops.is_empty() {
                Vec::new()
            } else {
                vec![format!("ALTER TABLE {} {}", step.on, drops.join(", "))]
            }
        }
        Action::CreateTable => vec![format!("DROP TABLE IF EXISTS {}", step.on)],
        Action::Guard => {
            let mut sql = Vec::new();
            for site in sites.iter().filter(|site| site.parent == step.on) {
                let made = all_guards(site).into_iter().filter(|guard| is_made(&guard.create()));
                sql.extend(made.map(|guard| format!("DROP FUNCTION IF EXISTS {}() CASCADE", guard.function)));
                if is_made(&triggers::pending_table(site)) {
                    sql.push(format!("DROP TABLE IF EXISTS {}", name::pending(site)));
                }
            }
            sql
        }
        Action::Install => {
            let installed = sites.iter().filter(|site| site.child == step.on).map(name::function);
            let new = installed.filter(|function| state.function(function).is_none());
            new.map(|function| format!("DROP FUNCTION IF EXISTS {function}() CASCADE")).collect()
        }
        Action::Replace => {
            let before =
                sites.iter().filter(|site| site.child == step.on).filter_map(|site| state.installed(site));
            before.flat_map(|site| triggers::function(&site)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns a statement that counts all parents of a site in short transactions: it must not be in one itself. It may be run again
/// after an interruption.
fn backfill(site: &Site, due: Due, protocol: Protocol) -> Result<String, MigrationError> {
    match (protocol, due) {
        (Protocol::Publish | Protocol::LockThenScan, _) => Err(MigrationError::Scan(site.child.clone())),
        (Protocol::LockThenCount, Due::Uncounted) => Ok(count_in_batches(site)),
        // REPEATABLE READ cannot be had in a block, and columns that were there before do not show what is counted.
        (Protocol::Snapshot, _) | (_, Due::All) => Ok(counted_by_perfkit(site, due)),
    }
}

fn count_in_batches(site: &Site) -> String {
    let n = site.key.len();
    let (due, protocol) = (Due::Uncounted, Protocol::LockThenCount);
    // The count must see what was committed before it had its locks, whatever isolation the session has.
    let isolation = ["COMMIT", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"];
    let begun: Vec<String> = isolation
        .into_iter()
        .map(str::to_owned)
        .chain(begin_batch(site, protocol, LOCK_TIMEOUT).into_iter().skip(1))
        .chain(["SET LOCAL search_path = pg_catalog, pg_temp".to_owned()])
        .map(|sql| format!("    {sql};\n"))
        .collect();
    let taken = each(n, |i| format!("pg_catalog.array_agg(k{i}) FILTER (WHERE is_taken)"));
    let last = each(n, |i| format!("(pg_catalog.array_agg(k{i}))[pg_catalog.count(*)]"));
    let select = |has_cursor: bool| {
        let rows = take_next(site, due, has_cursor);
        let text = format!(
            "SELECT {taken}, {last}, pg_catalog.count(*), coalesce(pg_catalog.bool_or(NOT is_taken), false) FROM (\n{rows}) AS t"
        );
        triggers::dollar_quoted(&text, "taken")
    };
    let into = format!(
        "INTO {}, {}, n_rows, is_missed",
        each(n, |i| format!("taken_{i}")),
        each(n, |i| format!("last_{i}")),
    );
    let keys = each(n, |i| format!("taken_{i}"));
    let mut counted: Vec<String> = put_aside(site, protocol);
    counted.push(count(site, protocol));
    let counted: Vec<String> = counted
        .iter()
        .map(|sql| format!("      EXECUTE {} USING {keys};\n", triggers::dollar_quoted(sql, "count")))
        .collect();
    let each_line = |line: fn(usize) -> String| (1..=n).map(line).collect::<Vec<_>>().concat();
    let declared = each_line(|i| format!("  taken_{i} text[];\n  last_{i} text;\n"));
    let forget = each_line(|i| format!("      last_{i} := NULL;\n"));
    let block = format!(
        "DECLARE
{declared}  n_rows bigint;
  is_missed boolean;
  has_missed boolean := false;
BEGIN
  LOOP
    -- First the parents are locked, then a statement of its own counts: no change of others is lost.
{begun}    IF last_1 IS NULL THEN
      EXECUTE {first} {into} USING {BATCH_ROWS}::bigint;
    ELSE
      EXECUTE {next} {into} USING {last_keys}, {BATCH_ROWS}::bigint;
    END IF;
    has_missed := has_missed OR is_missed;
    IF taken_1 IS NOT NULL THEN
{counted}    END IF;
    COMMIT;
    PERFORM pg_catalog.pg_sleep({PAUSE_S});
    IF n_rows < {BATCH_ROWS} THEN
      -- Rows that somebody had locked are tried again.
      EXIT WHEN NOT has_missed;
      has_missed := false;
{forget}    END IF;
  END LOOP;
END",
        begun = begun.concat(),
        counted = counted.concat(),
        first = select(false),
        next = select(true),
        last_keys = each(n, |i| format!("last_{i}")),
    );
    format!("DO {}", triggers::dollar_quoted(&block, "perfkit"))
}

/// Fails until perfkit has counted what a migration cannot count.
fn counted_by_perfkit(site: &Site, due: Due) -> String {
    let message = format!("count first: perfkit counter backfill {}", site.parent);
    let raise = |level: &str| format!("RAISE {level} USING MESSAGE = {}", quote::quote_literal(&message));
    let block = if due == Due::All {
        format!("BEGIN\n  {};\nEND", raise("NOTICE"))
    } else {
        let nulls = site.counters.iter().map(|it| format!("{} IS NULL", quote::identifier(&it.column)));
        let nulls = nulls.collect::<Vec<_>>().join(" OR ");
        format!(
            "BEGIN\n  IF EXISTS (SELECT FROM {} WHERE {nulls}) THEN\n    {};\n  END IF;\nEND",
            site.parent,
            raise("EXCEPTION"),
        )
    };
    format!("DO {}", triggers::dollar_quoted(&block, "perfkit"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;
    use crate::counter::journal::Counted;
    use crate::counter::plan::{Goal, plan};
    use crate::counter::site::Mode;

    fn all_files(framework: Framework, site: &Site) -> Result<Vec<MigrationFile>, MigrationError> {
        let state = fixture::leads_state();
        let steps = plan(&[Goal::Have(site.clone())], &state, &Counted::new());
        let place = Place { timestamp: 20_260_131_120_000, existing: &[], app: "shop" };
        files(framework, (&steps, std::slice::from_ref(site)), &state, &place)
    }

    #[test]
    fn each_framework_gets_its_files() {
        for framework in Framework::ALL {
            let files = all_files(framework, &fixture::mentions()).unwrap();
            let shown: Vec<String> =
                files.iter().map(|file| format!("==> {} <==\n{}", file.name, file.text)).collect();
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(format!("counters_{}", framework.name()), shown.join("\n"));
            });
        }
    }

    #[test]
    fn what_is_made_is_taken_back() {
        let site = Site { mode: Mode::Slots, ..fixture::mentions() };
        let files = all_files(Framework::Plain, &site).unwrap();
        let down = &files[1].text;
        for gone in [
            "DROP FUNCTION IF EXISTS app.perfkit_count_mentions_keyword_id() CASCADE",
            "DROP FUNCTION IF EXISTS app.perfkit_count_mentions_keyword_id_key() CASCADE",
            "DROP TABLE IF EXISTS app.keywords_mentions_keyword_id_pending",
            "ALTER TABLE app.keywords DROP COLUMN IF EXISTS mentions_count",
        ] {
            assert!(down.contains(gone), "{gone}: {down}");
        }
        assert!(down.find("DROP FUNCTION") < down.find("DROP COLUMN"), "{down}");
    }

    #[test]
    fn what_no_migration_can_count_is_said() {
        let queue = Site { mode: Mode::Queue, ..fixture::mentions() };
        let files = all_files(Framework::Plain, &queue).unwrap();
        assert!(
            files[0].text.contains("'count first: perfkit counter backfill app.keywords'"),
            "{}",
            files[0].text
        );
        let mut state = fixture::leads_state();
        state.tables[2].indexes.clear();
        let site = fixture::mentions();
        let steps = plan(&[Goal::Have(site.clone())], &state, &Counted::new());
        let place = Place { timestamp: 1, existing: &[], app: "" };
        let refused = super::files(Framework::Plain, (&steps, std::slice::from_ref(&site)), &state, &place);
        assert_eq!(refused, Err(MigrationError::Scan(site.child)));
    }
}
