//! Ctrl-C: cancels what runs on every server before the command ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::CancelToken;

use super::error::{Error, Result};
use super::tls::Tls;

/// A cancel request is one packet; a server that does not take it in this time is not worth waiting for.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// The state of Ctrl-C, shared by everything in a run.
#[derive(Clone)]
pub(crate) struct Interrupt {
    raised: Arc<watch::Sender<bool>>,
    running: Arc<Mutex<Vec<Running>>>,
    /// No number comes again: a guard must not remove another connection than its own.
    next_id: Arc<AtomicU64>,
}

/// A connection whose statement can be cancelled.
struct Running {
    id: u64,
    token: CancelToken,
    tls: Option<Tls>,
}

impl Interrupt {
    pub(crate) fn new() -> Self {
        Self { raised: Arc::new(watch::Sender::new(false)), running: Arc::default(), next_id: Arc::default() }
    }

    pub(crate) fn is_raised(&self) -> bool {
        *self.raised.borrow()
    }

    /// Ends when the user wants to stop.
    pub(crate) async fn raised(&self) {
        let mut raised = self.raised.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = raised.wait_for(|raised| *raised).await;
    }

    /// Waits, unless the user interrupts.
    pub(crate) async fn pause(&self, time: Duration) -> Result<()> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.raised() => Err(Error::Interrupted),
        }
    }

    /// Marks the run as interrupted, so that no new session is opened.
    pub(crate) fn raise(&self) {
        self.raised.send_replace(true);
    }

    /// Asks every server to cancel what it runs for us; what is shielded goes on.
    pub(crate) async fn cancel_all(&self) {
        let tokens: Vec<(CancelToken, Option<Tls>)> =
            self.lock().iter().map(|running| (running.token.clone(), running.tls.clone())).collect();
        let cancels = tokens.into_iter().map(|(token, tls)| async move {
            let cancelled = async {
                match tls {
                    Some(tls) => token.cancel_query(tls.connector).await,
                    None => token.cancel_query(tokio_postgres::NoTls).await,
                }
            };
            // A connection that is gone has nothing left to cancel.
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancelled).await;
        });
        futures_util::future::join_all(cancels).await;
    }

    /// Adds a connection until the returned guard is dropped.
    pub(super) fn register(&self, token: CancelToken, tls: Option<Tls>) -> Registration {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.lock().push(Running { id, token, tls });
        Registration { interrupt: self.clone(), id }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a connection known to the interrupt handler.
pub(crate) struct Registration {
    interrupt: Interrupt,
    id: u64,
}

impl Registration {
    /// Lets what this connection runs from now on end by itself, as a clean-up must.
    pub(super) fn shield(&self) {
        self.interrupt.lock().retain(|running| running.id != self.id);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shield();
    }
}
