//! Bytes that pass later than they came.

use std::{convert::Infallible, future::pending, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::tap::line::{End, Way};

/// How many chunks may be on their way. A sender that is faster waits, as it would
/// for a full line.
const MAX_CHUNKS: usize = 1024;

/// How often a throttled line passes something on, in a second, and at most how much.
const PIECES_PER_S: u32 = 50;
const MAX_PIECE_BYTES: usize = 64 << 10;

/// Passes every byte on so much later, the end included.
pub(super) async fn delay<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    way: Way<'_, R, W>,
    first: Bytes,
    delay: Duration,
) -> Result<Infallible, End> {
    let Way { mut inlet, mut outlet } = way;
    let (line_in, mut line_out) = mpsc::channel(MAX_CHUNKS);
    let read = async {
        let mut came = Ok(first);
        loop {
            let is_last = came.is_err();
            let has_gone = line_in.send((Instant::now() + delay, came)).await.is_err();
            if is_last || has_gone {
                // What is on its way still arrives.
                return pending().await;
            }
            came = inlet.read().await;
        }
    };
    let write = async {
        loop {
            let Some((due, came)) = line_out.recv().await else { return pending().await };
            sleep_until(due).await;
            match came {
                Ok(bytes) => outlet.write(bytes).await?,
                Err(closing) => return Err(outlet.end(closing).await),
            }
        }
    };
    tokio::select! {
        end = read => end,
        end = write => end,
    }
}

/// Passes no more on than so much.
pub(super) async fn throttle<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    mut way: Way<'_, R, W>,
    mut bytes: Bytes,
    bytes_per_s: NonZeroU32,
) -> Result<Infallible, End> {
    let piece = (bytes_per_s.get() / PIECES_PER_S).max(1) as usize;
    let piece = piece.min(MAX_PIECE_BYTES);
    let mut free_at = Instant::now();
    loop {
        while !bytes.is_empty() {
            let passed = bytes.split_to(piece.min(bytes.len()));
            sleep_until(free_at).await;
            let takes = Duration::from_secs_f64(passed.len() as f64 / f64::from(bytes_per_s.get()));
            free_at = free_at.max(Instant::now()) + takes;
            way.outlet.write(passed).await?;
        }
        bytes = match way.inlet.read().await {
            Ok(bytes) => bytes,
            Err(closing) => return Err(way.outlet.end(closing).await),
        };
    }
}
