//! The edge to PostgreSQL: the only user of `tokio-postgres` and `deadpool-postgres`.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod bench;
pub(crate) mod catalog;
mod catalog_indexes;
pub(crate) mod connect;
pub(crate) mod conninfo;
pub(crate) mod counter;
pub(crate) mod ddl;
mod endpoint;
mod error;
pub(crate) mod explain;
pub(crate) mod hypopg;
pub(crate) mod index_record;
pub(crate) mod interrupt;
pub(crate) mod journal;
pub(crate) mod pages;
pub(crate) mod pgbench;
mod pool;
pub(crate) mod redirect;
pub(crate) mod sample;
pub(crate) mod sampled_copy;
pub(crate) mod seed;
pub(crate) mod server;
pub(crate) mod shadow;
pub(crate) mod snapshot;
pub(crate) mod sql;
pub(crate) mod stat;
pub(crate) mod stat_snapshot;
#[cfg(test)]
mod test_server;
mod tls;
pub(crate) mod trial;
mod value;

pub(crate) use connect::{Access, Connection, Target};
pub(crate) use endpoint::{Address, ChannelBinding, Endpoint, EndpointTls};
pub(crate) use error::{Error, Result};
pub(crate) use interrupt::Interrupt;
pub(crate) use tls::server_tls;
pub(crate) use tokio_postgres::Transaction;
pub(crate) use value::TextValue;
