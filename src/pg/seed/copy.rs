//! Copies that are small enough to be in memory as a whole.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, TryStreamExt as _};
use tokio_postgres::{CopyInSink, CopyOutStream, Error};

/// Sends all of a copy and returns the number of its rows.
pub(super) async fn send(sink: CopyInSink<Bytes>, bytes: Vec<u8>) -> Result<u64, Error> {
    let mut sink = Box::pin(sink);
    sink.send(Bytes::from(bytes)).await?;
    sink.as_mut().finish().await
}

/// Receives all of a copy.
pub(super) async fn receive(stream: CopyOutStream) -> Result<BytesMut, Error> {
    let append = async |mut all: BytesMut, part: Bytes| {
        all.extend_from_slice(&part);
        Ok(all)
    };
    stream.try_fold(BytesMut::new(), append).await
}
