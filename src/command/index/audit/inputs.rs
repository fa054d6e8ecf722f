//! What an audit rests on: a database with its replicas, or a snapshot.

use futures_util::future::try_join_all;

use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::audit::{Evidence, Replica, Statement, Subject};
use crate::index::change::IndexName;
use crate::pg::audit::{self, Identity, Measured};
use crate::pg::snapshot::Snapshot;
use crate::pg::{Access, Connection, Target};
use crate::query::{self, quote};
use crate::sources::{self, one_line};
use crate::workload::{Skipped, Workload};

use super::AuditArgs;

pub(super) struct Inputs {
    pub(super) catalog: Catalog,
    pub(super) evidence: Evidence,
    pub(super) workload: Vec<Statement>,
    /// What could not be seen, a line each.
    pub(super) unseen: Vec<String>,
    /// `None` for a snapshot.
    connection: Option<Connection>,
}

impl Inputs {
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject { catalog: &self.catalog, evidence: &self.evidence, workload: &self.workload }
    }
}

pub(super) async fn read(context: &Context, args: &AuditArgs) -> Result<Inputs> {
    if let Some(path) = &args.from_snapshot {
        let snapshot = Snapshot::read(path)?;
        let workload = match (snapshot.workload(), &args.workload.workload[..]) {
            (Some(workload), []) => Some(workload),
            (_, named) => sources::load_if_any(context, named, None, &snapshot.catalog).await?,
        };
        let Snapshot { catalog, major, .. } = snapshot;
        let mut unseen =
            vec!["sequences and running index builds, which a snapshot does not hold".to_owned()];
        return Ok(Inputs {
            evidence: Evidence { major, counted_s: catalog.counted_s, ..Evidence::default() },
            workload: statements(workload.as_ref(), &catalog, &mut unseen),
            unseen,
            catalog,
            connection: None,
        });
    }
    let target = context.target(&args.connect)?;
    let replica_target = |url: &String| context.target_of_option(&args.connect, "--replica", url);
    let replicas: Vec<Target> = args.replicas.iter().map(replica_target).collect::<Result<_>>()?;
    let server = async {
        let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
        let (catalog, evidence, unseen) = audit::read(&target, &mut connection, &context.interrupt).await?;
        Ok((connection, catalog, evidence, unseen))
    };
    // Servers that do not answer are waited for all at once.
    let standbys = try_join_all(replicas.iter().map(|it| it.connect(Access::ReadOnly, &context.interrupt)));
    let ((connection, catalog, mut evidence, mut unseen), standbys) = tokio::try_join!(server, standbys)?;
    if !standbys.is_empty() {
        let identity = audit::identity(&connection).await?;
        let server = (&connection, &identity);
        for replica in try_join_all(standbys.iter().map(|it| replica(it, server, &catalog))).await? {
            match replica {
                Ok(replica) => evidence.replicas.push(replica),
                Err(gap) => unseen.push(gap),
            }
        }
    }
    let workload =
        sources::load_if_any(context, &args.workload.workload, Some(&connection), &catalog).await?;
    let workload = statements(workload.as_ref(), &catalog, &mut unseen);
    Ok(Inputs { catalog, evidence, workload, unseen, connection: Some(connection) })
}

/// Reads what a replica has counted; what is not seen where it counts nothing.
async fn replica(
    connection: &Connection,
    (server, identity): (&Connection, &Identity),
    catalog: &Catalog,
) -> Result<std::result::Result<Replica, String>> {
    if !audit::identity(connection).await?.matches(identity) {
        return Err(Error::usage(format!("{} is no replica of {}", connection.label, server.label))
            .cause("its system identifier or its database is another one")
            .hint("Give `--replica` the same database on a standby of the server that is audited."));
    }
    let gap = || format!("which indexes {} uses: track_counts is off there", connection.label);
    Ok(audit::replica(connection, catalog).await?.ok_or_else(gap))
}

/// Returns what the statements of a workload ask; those that cannot be read say nothing, which is said.
fn statements(workload: Option<&Workload>, catalog: &Catalog, unseen: &mut Vec<String>) -> Vec<Statement> {
    let Some(workload) = workload else { return Vec::new() };
    unseen.extend(unread(&workload.skipped));
    let total: f64 = workload.statements.iter().map(|statement| statement.weight).sum();
    let statement = |statement: &crate::workload::Statement| {
        // Whatever cannot be parsed was left out when the workload was read.
        let parsed = query::parse(&statement.sql).ok()?;
        Some(Statement {
            share: statement.weight / total,
            shape: parsed.shape(catalog),
            writes: parsed.writes(),
        })
    };
    workload.statements.iter().filter_map(statement).collect()
}

/// Says which statements could not be read. Those without a plan ask for no index.
fn unread(skipped: &[Skipped]) -> Option<String> {
    let without_plan = query::Error::Utility.to_string();
    let mut unread = skipped.iter().filter(|it| it.reason != without_plan);
    let Skipped { sql, reason } = unread.next()?;
    let others = match unread.count() {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Some(format!("what a statement of the workload asks{others}: {:?} {reason}", one_line(sql)))
}

/// Measures indexes, one after the other: each takes a read of the whole index.
pub(super) async fn measure_bloat(
    context: &Context,
    inputs: &mut Inputs,
    suspects: Vec<IndexName>,
) -> Result<()> {
    let Inputs { catalog, evidence, unseen, connection: Some(connection), .. } = inputs else {
        return Ok(());
    };
    let Some(schema) = audit::pgstattuple(connection).await? else {
        return Err(Error::usage("--exact-bloat needs the extension pgstattuple, which is not created here")
            .hint("Run `CREATE EXTENSION pgstattuple` in this database, or leave `--exact-bloat` out."));
    };
    let progress = context.ui.progress("measure bloat", suspects.len() as u64, crate::ui::Unit::Steps);
    for suspect in suspects {
        let table = catalog.tables.iter().find(|it| it.schema == suspect.schema && it.name == suspect.table);
        let index = table.and_then(|table| table.indexes.iter().find(|index| index.name == suspect.name));
        if let Some(index) = index.filter(|index| index.method == "btree") {
            match audit::measure_bloat(connection, &schema, index).await? {
                Measured::Bloat(share) => evidence.measured_bloat.push((index.oid, share)),
                Measured::Not(reason) => {
                    let name = quote::qualified(&suspect.schema, &index.name);
                    unseen.push(format!("how bloated {name} is exactly: {reason}"));
                }
            }
        }
        progress.advance(1);
    }
    Ok(())
}
