//! Looks for the statement that a loop should have been, and tries it on the database if there is one.

use crate::catalog::Catalog;
use crate::context::Context;
use crate::counter::suggest;
use crate::error::Result;
use crate::pg::Connection;
use crate::pg::batch::{self as tried, Verdict};
use crate::query::{self, batch};
use crate::workload::n_plus_one::index_need::index_need;
use crate::workload::n_plus_one::rewrite::{self, JoinedRewrite, Question, Rewrite};
use crate::workload::n_plus_one::{Finding, Kind};

/// Loops that are tried; those that waste most come first.
const MAX_TRIED: usize = 25;

/// Adds to each finding what should be sent instead.
pub(super) async fn rewrite_all(
    context: &Context,
    database: Option<(&mut Connection, &Catalog)>,
    findings: &mut [Finding],
) -> Result<()> {
    let Some((connection, catalog)) = database.filter(|_| !findings.is_empty()) else {
        for finding in findings.iter_mut().filter(|it| it.kind != Kind::Duplicate) {
            finding.rewrite = Some(rewrite::offline(finding));
        }
        return Ok(());
    };
    let progress = context.ui.spinner("try rewrites");
    let findings = findings.iter_mut().filter(|it| it.kind != Kind::Duplicate);
    for (at, finding) in findings.enumerate() {
        let found = if at < MAX_TRIED {
            one(context, connection, catalog, finding).await?
        } else {
            let mut rewrite = rewrite::offline(finding);
            rewrite.reason = Some(format!("only the {MAX_TRIED} costliest loops are tried"));
            rewrite
        };
        finding.rewrite = Some(found);
    }
    drop(progress);
    Ok(())
}

async fn one(
    context: &Context,
    connection: &mut Connection,
    catalog: &Catalog,
    finding: &Finding,
) -> Result<Rewrite> {
    let Some(sample) = &finding.sample else { return Ok(Rewrite::default()) };
    let question = Question::new(sample);
    let types = match tried::parameter_types(connection, &context.interrupt, &question.sql).await? {
        Ok(types) => types,
        Err(reason) => return Ok(Rewrite { reason: Some(reason), ..rewrite::offline(finding) }),
    };
    if finding.kind == Kind::WriteLoop {
        return Ok(rewrite::change(&question, &types));
    }
    let batches = match batch::batches(&question.repeated(&types)) {
        Ok(batches) => batches,
        Err(obstacle) => return Ok(rewrite::refused(&obstacle)),
    };
    if let Some(function) = tried::volatile_function(connection, &question.sql).await? {
        return Ok(rewrite::refused(&batch::Obstacle::Volatile(function)));
    }
    let mut found = proven(context, connection, &question, &types, &batches).await?;
    found.joined = joined(context, connection, finding, &question, &types).await?;
    found.index = index_need(&question, catalog);
    if finding.kind == Kind::CountLoop {
        found.counter = counter(&question.sql, catalog);
    }
    Ok(found)
}

/// Tries one form after the other until one gives the same rows.
async fn proven(
    context: &Context,
    connection: &mut Connection,
    question: &Question,
    types: &[String],
    batches: &[batch::Batch],
) -> Result<Rewrite> {
    let mut found = Rewrite::default();
    for batch in batches {
        let verdict = tried::prove(connection, &context.interrupt, question, types, batch).await?;
        let notes = std::mem::take(&mut found.notes);
        found = Rewrite { notes, ..rewrite::of_batch(Some(batch)) };
        match verdict {
            Verdict::Proved(proof) => {
                found.verified = Some(true);
                found.proof = Some(proof);
                let lost = tried::lost_indexes(connection, question, batch).await?;
                if !lost.is_empty() {
                    let lost = lost.join(", ");
                    found.notes.push(format!("a key alone is found by {lost}, all keys at once without it"));
                }
                return Ok(found);
            }
            Verdict::Unequal(reason) => {
                found.notes.push(format!("as {}: {reason}", batch.form.name()));
                found.verified = Some(false);
                found.reason = Some(reason);
            }
            Verdict::Untried(reason) => {
                found.reason = Some(reason);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// The loop and the query before it as one statement, where all its values come from there.
async fn joined(
    context: &Context,
    connection: &mut Connection,
    finding: &Finding,
    question: &Question,
    types: &[String],
) -> Result<Option<JoinedRewrite>> {
    let Some(parent) = finding.parent_sample.as_ref().filter(|_| !finding.origins.is_empty()) else {
        return Ok(None);
    };
    let parent = Question::new(parent);
    let columns: Vec<String> = finding.origins.iter().map(|origin| origin.column.clone()).collect();
    let Ok(joined) = batch::joined(&question.repeated(types), &parent.sql, &columns) else {
        return Ok(None);
    };
    let compared = tried::prove_joined(connection, &context.interrupt, question, &parent, &joined).await?;
    let (verified, reason) = match compared {
        Ok(None) => (Some(true), None),
        Ok(Some(difference)) => (Some(false), Some(difference)),
        Err(reason) => (None, Some(reason)),
    };
    Ok(Some(JoinedRewrite { sql: joined.sql, verified, reason }))
}

/// The command that makes a counter for what a loop counts.
fn counter(sql: &str, catalog: &Catalog) -> Option<String> {
    let countings = query::parse(&query::plannable(sql)).ok()?.countings(catalog);
    let wanted = countings.iter().find_map(|counting| suggest::wanted(counting, catalog).ok())?;
    Some(suggest::command(&wanted.wish))
}
