//! The files of a shadow's relations: sparse, of the target's sizes, with what the planner reads of them.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::tree::{self, GinCounts, Patch};
use crate::index::BLOCK_BYTES;
use crate::pg::error::{Error, Result};
use crate::pg::server::Cluster;

/// Pages of a full segment of a relation: 1 GB (`RELSEG_SIZE`).
const SEGMENT_PAGES: u32 = 131_072;

/// The file that a relation is to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct File {
    /// Its name in the database's folder (`pg_relation_filenode`).
    pub(super) node: u32,
    pub(super) n_pages: u32,
    pub(super) start: Start,
}

/// What the planner reads of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing but its size, or what CREATE INDEX wrote.
    AsBuilt,
    /// The height of a btree: its levels above the leaves.
    Btree { level: u32 },
    /// The size of the map of a BRIN index with this many ranges.
    Brin { n_ranges: u32 },
    /// What a GIN index counts of itself.
    Gin(GinCounts),
}

/// Gives the relations of a database their sizes.
///
/// Nobody may have connected to the database yet, so that the server holds none of the pages.
pub(super) fn lay_out(cluster: &Cluster, database: u32, files: impl Iterator<Item = File>) -> Result<()> {
    for file in files {
        let first = cluster.data_file(&format!("base/{database}/{}", file.node));
        let patches = match file.start {
            Start::AsBuilt | Start::Btree { level: 0 } => Vec::new(),
            Start::Btree { level } => tree::btree(level),
            Start::Brin { n_ranges } => tree::brin(n_ranges),
            Start::Gin(counts) => tree::gin(file.n_pages, counts),
        };
        extend(cluster, &first, file.n_pages, &patches)?;
    }
    Ok(())
}

/// Gives the relations of a database the files that those of another one have, without a copy of what is in them.
///
/// Nobody may have connected to the database yet.
pub(super) fn share(
    cluster: &Cluster,
    from: u32,
    database: u32,
    files: impl Iterator<Item = File>,
) -> Result<()> {
    for file in files {
        let [source, copy] =
            [from, database].map(|oid| cluster.data_file(&format!("base/{oid}/{}", file.node)));
        let doing = || Error::file(format!("share {source:?}"));
        fs::remove_file(&copy).map_err(doing())?;
        fs::hard_link(&source, &copy).map_err(doing())?;
        for segment in 1..=file.n_pages.saturating_sub(1) / SEGMENT_PAGES {
            fs::hard_link(numbered(&source, segment), numbered(&copy, segment)).map_err(doing())?;
        }
    }
    Ok(())
}

fn extend(cluster: &Cluster, first: &Path, n_pages: u32, patches: &[Patch]) -> Result<()> {
    let mut left = n_pages;
    let mut segment = 0;
    loop {
        let path = if segment == 0 { first.to_owned() } else { numbered(first, segment) };
        let doing = || Error::file(format!("extend {path:?}"));
        let file = fs::OpenOptions::new()
            .write(true)
            .create(segment > 0)
            .truncate(false)
            .open(&path)
            .map_err(doing())?;
        if segment == 0 {
            for (at, bytes) in patches {
                file.write_all_at(bytes, *at).map_err(doing())?;
            }
        }
        let pages = left.min(SEGMENT_PAGES);
        // An index has a metapage; never cut that off.
        let length = (u64::from(pages) * BLOCK_BYTES).max(file.metadata().map_err(doing())?.len());
        file.set_len(length).map_err(doing())?;
        if segment > 0 {
            cluster.hand_over(&path)?;
        }
        left -= pages;
        if left == 0 {
            return Ok(());
        }
        segment += 1;
    }
}

fn numbered(first: &Path, segment: u32) -> PathBuf {
    let mut name = first.as_os_str().to_owned();
    name.push(format!(".{segment}"));
    PathBuf::from(name)
}
