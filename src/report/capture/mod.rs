//! What was captured.

mod log;
mod proxy;
mod show;
mod statements;

pub(crate) use log::log;
pub(crate) use proxy::ProxyReport;
pub(crate) use show::Listing;
pub(crate) use statements::StatementsReport;
