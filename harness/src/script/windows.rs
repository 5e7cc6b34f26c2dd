//! How much DATA the other side takes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crosswire_http2::settings::DEFAULT_WINDOW_BYTES;

use crate::observe::ShutWindow;

/// How many streams are followed. What a flood opens beyond is read and forgotten.
pub(super) const MAX_STREAMS: usize = 1 << 16;

/// The windows of the other side, and what was sent within them.
pub(super) struct Windows {
    began: Instant,
    connection: i64,
    initial: i64,
    /// By how much each stream's differs from the initial one.
    streams: HashMap<u32, i64>,
    spent: Spent,
    stream_spent: HashMap<u32, Spent>,
}

/// How much DATA was sent within a window, and when the last of it.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    bytes: u64,
    last: Duration,
}

impl Windows {
    /// Those that every connection begins with.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            connection: DEFAULT_WINDOW_BYTES.into(),
            initial: DEFAULT_WINDOW_BYTES.into(),
            streams: HashMap::new(),
            spent: Spent::default(),
            stream_spent: HashMap::new(),
        }
    }

    /// How much DATA the other side takes on a stream now.
    pub(super) fn room(&self, stream: u32) -> usize {
        let room = self.connection.min(self.of(stream));
        usize::try_from(room).unwrap_or(0)
    }

    fn of(&self, stream: u32) -> i64 {
        self.initial + self.streams.get(&stream).copied().unwrap_or(0)
    }

    /// Those that leave no room for so many bytes on a stream.
    pub(super) fn shut(&self, stream: u32, bytes: usize) -> Vec<ShutWindow> {
        let of_stream = self.stream_spent.get(&stream).copied().unwrap_or_default();
        [(Some(stream), self.of(stream), of_stream), (None, self.connection, self.spent)]
            .into_iter()
            .filter(|(_, left, _)| usize::try_from(*left).unwrap_or(0) < bytes)
            .map(|(stream, left_bytes, Spent { bytes, last })| ShutWindow {
                stream,
                left_bytes,
                sent_bytes: bytes,
                since: last,
            })
            .collect()
    }

    /// So much DATA was sent.
    pub(super) fn spend(&mut self, stream: u32, bytes: usize) {
        let last = self.began.elapsed();
        for spent in [&mut self.spent, self.stream_spent.entry(stream).or_default()] {
            *spent = Spent { bytes: spent.bytes + bytes as u64, last };
        }
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.connection -= bytes;
        *self.streams.entry(stream).or_default() -= bytes;
    }

    /// The other side's SETTINGS say how large they are at first.
    pub(super) const fn set_initial(&mut self, bytes: u32) {
        self.initial = bytes as i64;
    }

    /// WINDOW_UPDATE has come for a stream; 0 is the connection.
    pub(super) fn widen(&mut self, stream: u32, increment: u32) {
        match stream {
            0 => self.connection += i64::from(increment),
            stream if self.streams.len() < MAX_STREAMS || self.streams.contains_key(&stream) => {
                *self.streams.entry(stream).or_default() += i64::from(increment);
            }
            _ => {}
        }
    }
}
