//! Whether triggers that somebody else has made, or an application, keep a column right.

use super::site::Site;
use crate::query::{self, Assigned};

/// A trigger of the counted table whose function, or arguments, name the column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keeper {
    /// What it fires for, of [`EVENTS`].
    pub(crate) events: Vec<String>,
}

/// A statement of an application that writes a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) sql: String,
    pub(crate) assigned: Assigned,
}

/// What changes a count.
const EVENTS: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"];
/// So many statements are named of each kind.
const MAX_NAMED: usize = 3;

/// What is left open for a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Gap {
    #[error(
        "no trigger of {child} names column \"{column}\": if the application keeps it, then in the transaction of each change and by \
         adding to it, else it drifts"
    )]
    NoKeeper { child: String, column: String },
    #[error("no trigger keeps column \"{column}\" at {event} of {child}: it will drift")]
    Event { child: String, column: String, event: &'static str },
    #[error(
        "no trigger of {child} names column \"{column}\", but the application keeps it: {}; what else changes {child} is not \
         counted (COPY, TRUNCATE, other programs, and foreign keys that cascade), nor is it right unless both are one transaction",
        .statements.join("; ")
    )]
    ByApplication { child: String, column: String, statements: Vec<String> },
    #[error(
        "the application was not seen to {missing} column \"{column}\": rows that {these} are not counted"
    )]
    OneWay { column: String, missing: &'static str, these: &'static str },
    #[error(
        "the application sets column \"{column}\" to what it has read or counted before, and loses what comes between: {sql}"
    )]
    Overwritten { column: String, sql: String },
    #[error(
        "triggers of {child} keep column \"{column}\", and the application adds to it as well, so that rows may count twice: {sql}"
    )]
    Twice { child: String, column: String, sql: String },
}

/// Returns the statements among these that write a counter of a site. Where a parent is inserted, its counter is not changed.
pub(crate) fn writers(statements: &[&str], site: &Site, column: &str) -> Vec<Writer> {
    let writer = |sql: &&str| {
        let parsed = query::parse(sql).ok()?;
        let is_parent = parsed.writes().iter().any(|write| {
            write.table.name == site.parent.name
                && write.table.schema.as_ref().is_none_or(|schema| *schema == site.parent.schema)
        });
        let assigned = parsed.assigned(column).filter(|_| is_parent)?;
        Some(Writer { sql: (*sql).to_owned(), assigned })
    };
    statements.iter().filter_map(writer).collect()
}

/// Returns what is missing for a column to stay right. That of TRUNCATE is seldom written, and is told of alike.
pub(crate) fn gaps(child: &str, column: &str, keepers: &[Keeper], writers: &[Writer]) -> Vec<Gap> {
    let (child, column) = (child.to_owned(), column.to_owned());
    let of = |assigned: Assigned| {
        writers.iter().filter(move |it| it.assigned == assigned).map(|it| it.sql.clone())
    };
    let added: Vec<String> = of(Assigned::Added).take(MAX_NAMED).collect();
    let subtracted: Vec<String> = of(Assigned::Subtracted).take(MAX_NAMED).collect();
    let mut gaps = Vec::new();
    if !keepers.is_empty() {
        let is_missing =
            |event: &&'static str| !keepers.iter().any(|keeper| keeper.events.iter().any(|it| it == event));
        let missing = EVENTS.into_iter().filter(is_missing);
        gaps.extend(missing.map(|event| Gap::Event { child: child.clone(), column: column.clone(), event }));
        let twice = added.into_iter().chain(subtracted);
        gaps.extend(twice.map(|sql| Gap::Twice { child: child.clone(), column: column.clone(), sql }));
    } else if added.is_empty() && subtracted.is_empty() {
        gaps.push(Gap::NoKeeper { child, column: column.clone() });
    } else {
        if subtracted.is_empty() {
            let (missing, these) = ("subtract from", "are deleted or moved away");
            gaps.push(Gap::OneWay { column: column.clone(), missing, these });
        } else if added.is_empty() {
            gaps.push(Gap::OneWay { column: column.clone(), missing: "add to", these: "come" });
        }
        let statements = added.into_iter().chain(subtracted).collect();
        gaps.insert(0, Gap::ByApplication { child, column: column.clone(), statements });
    }
    let sets = of(Assigned::Set).take(MAX_NAMED);
    gaps.extend(sets.map(|sql| Gap::Overwritten { column: column.clone(), sql }));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;

    fn check(keepers: &[Keeper], statements: &[&str], expected: &[&str]) {
        let writers = writers(statements, &fixture::mentions(), "mentions_count");
        let gaps: Vec<String> =
            gaps("app.c", "mentions_count", keepers, &writers).iter().map(ToString::to_string).collect();
        assert_eq!(gaps.len(), expected.len(), "{gaps:#?}");
        assert!(gaps.iter().zip(expected).all(|(gap, word)| gap.contains(word)), "{gaps:#?}");
    }

    fn keeper(events: &[&str]) -> Keeper {
        Keeper { events: events.iter().map(|&it| it.to_owned()).collect() }
    }

    #[test]
    fn every_event_needs_a_keeper() {
        let rows = keeper(&["INSERT", "DELETE"]);
        check(&[], &[], &["if the application keeps it"]);
        check(std::slice::from_ref(&rows), &[], &["at UPDATE", "at TRUNCATE"]);
        let rest = keeper(&["UPDATE", "TRUNCATE"]);
        check(&[rows, rest], &[], &[]);
    }

    #[test]
    fn what_an_application_does_is_named_with_what_it_leaves_open() {
        let add =
            r#"UPDATE "keywords" SET "mentions_count" = COALESCE("mentions_count", $1) + $2 WHERE "id" = $3"#;
        let subtract =
            r#"UPDATE "keywords" SET "mentions_count" = COALESCE("mentions_count", $1) - $2 WHERE "id" = $3"#;
        let set = "UPDATE app.keywords SET word = $1, mentions_count = $2 WHERE id = $3";
        let elsewhere = "UPDATE other.keywords SET mentions_count = mentions_count + 1";
        check(&[], &[add, subtract, elsewhere], &["the application keeps it: UPDATE"]);
        check(&[], &[add], &["the application keeps it", "subtract from column"]);
        check(&[], &[subtract], &["the application keeps it", "add to column"]);
        check(&[], &[set, elsewhere], &["no trigger", "loses what comes between: UPDATE app.keywords"]);
        check(&[], &[add, subtract, set], &["COPY, TRUNCATE", "loses what comes between"]);
        let all = keeper(&["INSERT", "UPDATE", "DELETE", "TRUNCATE"]);
        check(std::slice::from_ref(&all), &[add], &["count twice: UPDATE"]);
        check(&[all], &["SELECT mentions_count + 1 FROM keywords", "not sql"], &[]);
    }
}
