//! What an audit rests on: a database with its replicas, or a snapshot.

use crate::catalog::Catalog;
use crate::config::Timeouts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::audit::{Evidence, Replica, Statement, Subject};
use crate::index::change::IndexName;
use crate::pg::audit::{self, Identity, Measured};
use crate::pg::conninfo::Conninfo;
use crate::pg::snapshot::Snapshot;
use crate::pg::{self, Access, Connection, Target};
use crate::query::{self, quote};
use crate::sources;
use crate::workload::Workload;

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
        return Ok(Inputs {
            evidence: Evidence { major, counted_s: catalog.counted_s, ..Evidence::default() },
            workload: statements(workload.as_ref(), &catalog),
            unseen: vec!["sequences and running index builds, which a snapshot does not hold".to_owned()],
            catalog,
            connection: None,
        });
    }
    let target = context.target(&args.connect)?;
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let catalog = pg::catalog::load_for_audit(&target, &mut connection, &context.interrupt).await?;
    let (mut evidence, mut unseen) = audit::evidence(&connection, &catalog).await?;
    if !args.replicas.is_empty() {
        let identity = audit::identity(&connection).await?;
        for url in &args.replicas {
            let server = (&connection, &identity);
            evidence.replicas.extend(replica(context, args, url, server, &catalog, &mut unseen).await?);
        }
    }
    let workload =
        sources::load_if_any(context, &args.workload.workload, Some(&connection), &catalog).await?;
    let workload = statements(workload.as_ref(), &catalog);
    Ok(Inputs { catalog, evidence, workload, unseen, connection: Some(connection) })
}

/// Reads what a replica has counted; `None` where it counts nothing, which is said.
async fn replica(
    context: &Context,
    args: &AuditArgs,
    url: &str,
    (server, identity): (&Connection, &Identity),
    catalog: &Catalog,
    unseen: &mut Vec<String>,
) -> Result<Option<Replica>> {
    let conninfo = Conninfo::parse(url).map_err(|error| {
        Error::usage("invalid connection string in --replica")
            .cause(error)
            .hint("Write it as postgresql://user@host:5432/database or as \"host=… dbname=…\".")
    })?;
    let timeouts = Timeouts::new(&args.connect, context.config.as_ref());
    let target = Target::new(conninfo, &context.environment, timeouts)?;
    for warning in &target.warnings {
        context.ui.warn(warning);
    }
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    if !audit::identity(&connection).await?.matches(identity) {
        return Err(Error::usage(format!("{} is no replica of {}", connection.label, server.label))
            .cause("its system identifier or its database is another one")
            .hint("Give `--replica` the same database on a standby of the server that is audited."));
    }
    let replica = audit::replica(&connection, catalog).await?;
    if replica.is_none() {
        unseen.push(format!("which indexes {} uses: track_counts is off there", connection.label));
    }
    Ok(replica)
}

/// Returns what the statements of a workload ask; those that cannot be read say nothing.
fn statements(workload: Option<&Workload>, catalog: &Catalog) -> Vec<Statement> {
    let Some(workload) = workload else { return Vec::new() };
    let total: f64 = workload.statements.iter().map(|statement| statement.weight).sum();
    let statement = |statement: &crate::workload::Statement| {
        let parsed = query::parse(&statement.sql).ok()?;
        Some(Statement {
            share: statement.weight / total,
            shape: parsed.shape(catalog),
            writes: parsed.writes(),
        })
    };
    workload.statements.iter().filter_map(statement).collect()
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
