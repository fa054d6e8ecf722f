//! Keeps the journals of changes: tables of the database that they are made in, or for those of indexes a local file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::error::SqlState;

use super::catalog::get;
use super::connect::{Access, Connection, Target};
use super::error::{Error, Result};
use super::interrupt::Interrupt;
use super::{ddl, sql};
use crate::counter;
use crate::index::change::journal::{self, Entry, FORMAT, History, Run, SessionName, Step, Wanted};
use crate::index::change::{Change, IndexName};
use crate::random;
use crate::run_id::{self, RunId};
use crate::sources::now_us;

/// A journal that can be added to. Each addition is durable when it returns.
pub(crate) enum Journal {
    Table(Box<Connection>, &'static JournalTable),
    File(JournalFile),
}

/// A table with one JSON object a row, with its statements.
pub(crate) struct JournalTable {
    name: &'static str,
    create: &'static str,
    append: &'static str,
    entries: &'static str,
    /// Deletes what later entries have replaced.
    condense: Option<&'static str>,
    /// What to do where it may not be created …
    hint: &'static str,
    /// … where it is not to be trusted …
    strange_hint: &'static str,
    /// … and where it cannot be read.
    unreadable_hint: &'static str,
}

const OF_INDEXES: JournalTable = JournalTable {
    name: "perfkit.index_journal",
    create: sql::JOURNAL_TABLE,
    append: sql::JOURNAL_APPEND,
    entries: sql::JOURNAL_ENTRIES,
    condense: None,
    hint: "Or keep the journal in a file: `--journal FILE`.",
    strange_hint: "Keep the journal in a file, `--journal FILE`, or have a superuser check the table and change its owner.",
    unreadable_hint: "Use the perfkit that wrote it, or another journal with `--journal FILE`.",
};

const OF_COUNTERS: JournalTable = JournalTable {
    name: "perfkit.counter_journal",
    create: sql::COUNTER_JOURNAL_TABLE,
    append: sql::COUNTER_JOURNAL_APPEND,
    entries: sql::COUNTER_JOURNAL_ENTRIES,
    condense: Some(sql::COUNTER_JOURNAL_CONDENSE),
    hint: "Have the database's owner `CREATE SCHEMA perfkit` and grant CREATE and USAGE on it to this role.",
    strange_hint: "Have a superuser check the table and change its owner.",
    unreadable_hint: "Use the perfkit that wrote it.",
};

/// What can be seen of a session that a journal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Over,
    Certain,
    /// A process of its number works on the table, for a role whose sessions are hidden from this one.
    Possible,
}

/// A file with one JSON object a line.
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
    /// Of its whole lines: what is behind them is not the journal's.
    n_bytes: u64,
}

impl Journal {
    /// Opens the journal of indexes for a change, and makes it when there is none.
    pub(crate) async fn open(target: &Target, file: Option<&Path>, interrupt: &Interrupt) -> Result<Self> {
        match file {
            Some(path) => JournalFile::open(path).map(Self::File),
            None => Self::open_table(&OF_INDEXES, target, interrupt).await,
        }
    }

    /// Opens the journal of counters likewise.
    pub(crate) async fn open_of_counters(target: &Target, interrupt: &Interrupt) -> Result<Self> {
        Self::open_table(&OF_COUNTERS, target, interrupt).await
    }

    /// In the database it has a session of its own, so that each entry is committed by itself, and Ctrl-C does not
    /// reach it: what was done must be written down.
    async fn open_table(
        table: &'static JournalTable,
        target: &Target,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let connection = target.connect(Access::ReadWrite, interrupt).await?;
        connection.shield();
        // It is idle for as long as an index is built.
        ddl::unbind_but_locks(&connection, target).await?;
        create(&connection, table).await?;
        // An entry must survive a crash of the server, yet a standby that is away must not hold it up.
        connection
            .query(sql::SET_CONFIG, &[&"synchronous_commit", &"local"])
            .await
            .map_err(Error::query("set synchronous_commit"))?;
        Ok(Self::Table(Box::new(connection), table))
    }

    /// Returns a run that starts now on this connection's database.
    pub(crate) async fn new_run(connection: &Connection, changes: Vec<Change>) -> Result<Run> {
        new_run(connection, FORMAT, Wanted { changes }).await
    }

    /// Writes a run with its planned steps; before the first of them acts.
    pub(crate) async fn begin(&mut self, run: &Run, steps: &[Step]) -> Result<()> {
        let steps =
            steps.iter().map(|step| Entry::Step { run: run.id.clone(), step: Box::new(step.clone()) });
        let entries: Vec<Entry> = std::iter::once(Entry::Run(run.clone())).chain(steps).collect();
        self.append(&entries).await
    }

    /// Writes a step in its present state: before it acts, and after.
    pub(crate) async fn write(&mut self, run: &RunId, step: &Step) -> Result<()> {
        self.write_all(run, std::slice::from_ref(step)).await
    }

    /// Adds what has become of several steps, all of it or nothing.
    pub(crate) async fn write_all(&mut self, run: &RunId, steps: &[Step]) -> Result<()> {
        let entry = |step: &Step| Entry::Step { run: run.clone(), step: Box::new(step.clone()) };
        self.append(&steps.iter().map(entry).collect::<Vec<_>>()).await
    }

    /// Returns the process that serves the journal's session, if it has one.
    pub(crate) async fn pid(&self) -> Result<Option<i32>> {
        match self {
            Self::Table(connection, _) => Ok(Some(own_session(connection).await?.pid)),
            Self::File(_) => Ok(None),
        }
    }

    /// Adds entries, all of them or nothing.
    pub(crate) async fn append<E: Serialize>(&mut self, entries: &[E]) -> Result<()> {
        let lines: Vec<String> = entries
            .iter()
            .map(|entry| serde_json::to_string(entry).expect("plain values are JSON"))
            .collect();
        match self {
            Self::Table(connection, table) => connection
                .execute(table.append, &[&lines])
                .await
                .map(drop)
                .map_err(Error::query("write the journal")),
            Self::File(file) => file.append(&lines),
        }
    }

    /// Deletes entries that later ones of the same run have replaced, so that a journal grows with its runs and not with their time.
    pub(crate) async fn condense(&self) -> Result<()> {
        let Self::Table(connection, JournalTable { condense: Some(condense), .. }) = self else {
            return Ok(());
        };
        match connection.execute(*condense, &[]).await {
            // Who may only add to the journal of another role leaves it as it is.
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(()),
            result => result.map(drop).map_err(Error::query("condense the journal")),
        }
    }
}

/// Returns the runs that the journal tells of, oldest first, and changes nothing; none when there is no journal.
pub(crate) async fn histories(connection: &Connection, file: Option<&Path>) -> Result<Vec<History>> {
    let Some(path) = file else {
        let entries = read_table::<Entry>(connection, &OF_INDEXES).await?;
        return journal::replay(entries)
            .map_err(|error| unreadable(OF_INDEXES.name, &error, OF_INDEXES.unreadable_hint));
    };
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::file(format!("read journal {path:?}"))(error)),
    }
}

/// Returns a run that starts now on this connection's database.
pub(crate) async fn new_run<W>(connection: &Connection, format: u32, wanted: W) -> Result<run_id::Run<W>> {
    let started_us = now_us();
    let bits = random::mix(u64::from(std::process::id()) ^ started_us.unsigned_abs());
    Ok(run_id::Run {
        format,
        id: RunId::new(started_us, bits),
        started_us,
        perfkit_version: env!("CARGO_PKG_VERSION").to_owned(),
        target: connection.label.clone(),
        database: database_identity(connection).await?,
        wanted,
    })
}

/// Returns what the journal of counters tells; nothing when there is none.
pub(crate) async fn told_of_counters(connection: &Connection) -> Result<counter::journal::Told> {
    let entries = read_table::<counter::journal::Entry>(connection, &OF_COUNTERS).await?;
    counter::journal::replay(entries)
        .map_err(|error| unreadable(OF_COUNTERS.name, &error, OF_COUNTERS.unreadable_hint))
}

/// Returns how many bytes of an unfinished last line a journal file ends with, which a killed perfkit has left.
pub(crate) fn torn_bytes(path: &Path) -> Result<usize> {
    let bytes = std::fs::read(path).map_err(Error::file(format!("read journal {path:?}")))?;
    Ok(bytes.len() - whole_lines(&bytes).len())
}

/// Returns what tells the connection's database from all others.
pub(crate) async fn database_identity(connection: &Connection) -> Result<String> {
    let row = connection
        .query_one(sql::DATABASE_IDENTITY, &[])
        .await
        .map_err(Error::query("identify the database"))?;
    get(&row, "identity")
}

/// Returns what names this session in a journal.
pub(crate) async fn own_session(connection: &Connection) -> Result<SessionName> {
    let row =
        connection.query_one(sql::OWN_SESSION, &[]).await.map_err(Error::query("identify the session"))?;
    Ok(SessionName { pid: get(&row, "pid")?, backend_start_us: get(&row, "backend_start_us")? })
}

/// Returns whether the session that a journal names for a change of this index still runs: the server ends a statement whose
/// client was killed.
pub(crate) async fn life(connection: &Connection, session: &SessionName, index: &IndexName) -> Result<Life> {
    let row = connection
        .query_opt(
            sql::SESSION_IS_ALIVE,
            &[&session.pid, &session.backend_start_us, &index.schema, &index.table],
        )
        .await
        .map_err(Error::query("look for a session"))?;
    Ok(match row {
        None => Life::Over,
        Some(row) if get(&row, "is_certain")? => Life::Certain,
        Some(_) => Life::Possible,
    })
}

/// Whether there is a journal's table, and its schema. The SQL in it is run when a run is undone, so a table that somebody
/// else may have put there is refused.
async fn exists(connection: &Connection, table: &JournalTable) -> Result<(bool, bool)> {
    let row = connection
        .query_one(sql::JOURNAL_EXISTS, &[&table.name])
        .await
        .map_err(Error::query("look for the journal"))?;
    match get::<Option<String>>(&row, "strange_owner")? {
        None => Ok((get(&row, "has_table")?, get(&row, "has_schema")?)),
        Some(owner) => Err(Error::Journal {
            place: table.name.to_owned(),
            reason: format!(
                "it belongs to role \"{owner}\", which is neither this role nor a superuser nor the database's owner"
            ),
            hint: table.strange_hint,
        }),
    }
}

/// Creates what is missing. IF NOT EXISTS alone asks for the privilege even where there is nothing to create.
async fn create(connection: &Connection, table: &JournalTable) -> Result<()> {
    let (has_table, has_schema) = exists(connection, table).await?;
    if !has_schema {
        connection.batch_execute(sql::JOURNAL_SCHEMA).await.map_err(|source| Error::NoJournal {
            doing: "create schema \"perfkit\" for the journal".to_owned(),
            hint: table.hint,
            source,
        })?;
    }
    if !has_table {
        connection.batch_execute(table.create).await.map_err(|source| Error::NoJournal {
            doing: "create the journal in schema \"perfkit\"".to_owned(),
            hint: table.hint,
            source,
        })?;
    }
    Ok(())
}

/// Returns the entries of a journal; none when it is not there.
async fn read_table<E: DeserializeOwned>(connection: &Connection, table: &JournalTable) -> Result<Vec<E>> {
    if !exists(connection, table).await?.0 {
        return Ok(Vec::new());
    }
    let rows = connection.query(table.entries, &[]).await.map_err(Error::query("read the journal"))?;
    let entry = |row| {
        let entry: &str = get(row, "entry")?;
        serde_json::from_str(entry).map_err(|error| unreadable(table.name, &error, table.unreadable_hint))
    };
    rows.iter().map(entry).collect()
}

fn unreadable(place: impl Into<String>, reason: &dyn std::error::Error, hint: &'static str) -> Error {
    Error::Journal { place: place.into(), reason: reason.to_string(), hint }
}

impl JournalFile {
    /// Opens or creates the file for this process alone, and cuts off a line that was not written to its end.
    fn open(path: &Path) -> Result<Self> {
        let doing = || format!("open journal {path:?}");
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(Error::file(doing()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Journal {
                    place: format!("{path:?}"),
                    reason: "another perfkit has it open".to_owned(),
                    hint: "Wait until it has ended, or name another file.",
                });
            }
            Err(TryLockError::Error(error)) => return Err(Error::file(doing())(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::file(doing()))?;
        // What cannot be read must not be added to.
        parse(path, &bytes)?;
        let whole = whole_lines(&bytes).len();
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(Error::file(doing()))?;
        }
        file.sync_all().map_err(Error::file(doing()))?;
        Ok(Self { path: path.to_owned(), file, n_bytes: whole as u64 })
    }

    fn append(&mut self, lines: &[String]) -> Result<()> {
        let text = lines.join("\n") + "\n";
        let mut write = || {
            self.cut()?;
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()
        };
        match write() {
            Ok(()) => {
                self.n_bytes += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A full disk takes the first half of a line. If it cannot be cut off now, then before the next line.
                _ = self.cut();
                Err(Error::file(format!("write journal {:?}", self.path))(error))
            }
        }
    }

    fn cut(&self) -> std::io::Result<()> {
        if self.file.metadata()?.len() == self.n_bytes { Ok(()) } else { self.file.set_len(self.n_bytes) }
    }
}

/// The bytes without last lines that were not written to their end: perfkit was killed meanwhile, and has not acted on them.
/// They end anywhere, or where the power failed, hold zeros in the place of what did not reach the disk.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end_of_line = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
    let mut whole = &bytes[..end_of_line(bytes).map_or(0, |end| end + 1)];
    while let Some((_, text)) = whole.split_last() {
        let last = end_of_line(text).map_or(0, |end| end + 1);
        if !text[last..].contains(&0) {
            break;
        }
        whole = &whole[..last];
    }
    whole
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<History>> {
    let place = || format!("{path:?}");
    let mut entries = Vec::new();
    for (i, line) in whole_lines(bytes).split_inclusive(|byte| *byte == b'\n').enumerate() {
        let entry = serde_json::from_slice(line);
        let place = || format!("{}, line {}", place(), i + 1);
        entries.push(entry.map_err(|error| unreadable(place(), &error, OF_INDEXES.unreadable_hint))?);
    }
    journal::replay(entries).map_err(|error| unreadable(place(), &error, OF_INDEXES.unreadable_hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> String {
        serde_json::to_string(&Entry::Run(Run::of_test(id, FORMAT, Wanted::default()))).unwrap()
    }

    #[test]
    fn what_was_not_written_to_its_end_does_not_count() {
        let check =
            |bytes: &[u8], expected: usize| assert_eq!(whole_lines(bytes).len(), expected, "{bytes:?}");
        check(b"", 0);
        check(b"{}", 0);
        check(b"{}\n{}\n", 6);
        check(b"{}\n{}\n{", 6);
        check(b"{}\n\0\0\0", 3);
        check(b"{}\n{\"a\0\0\n{}\0\n\0", 3);
        check(b"\0\n", 0);
        // Zeros before a whole line are damage, which must be said.
        check(b"{}\n\0\n{}\n", 8);
    }

    #[test]
    fn half_a_line_does_not_spoil_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = JournalFile::open(&path).unwrap();
        journal.append(&[run("a")]).unwrap();
        // What a write that failed has left, and could not be cut off.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"entry\":").unwrap();
        assert_eq!(torn_bytes(&path).unwrap(), 9);
        journal.append(&[run("b")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n{}\n", run("a"), run("b")));
        drop(journal);
        // As after a power failure.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\0\0\0\n").unwrap();
        JournalFile::open(&path).unwrap().append(&[run("c")]).unwrap();
        let ids: Vec<String> = parse(&path, &std::fs::read(&path).unwrap())
            .unwrap()
            .into_iter()
            .map(|history| history.run.id.0)
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }
}
