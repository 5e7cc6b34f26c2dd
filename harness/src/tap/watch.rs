//! Reads the copies and keeps transcripts until they are asked for.

use std::{
    collections::{BTreeMap, VecDeque},
    io, mem, thread,
};

use tokio::sync::oneshot;

use super::{
    Key, Seen,
    queue::{Item, Receiver},
};
use crate::wire::{
    connection::Connection,
    transcript::{Note, Transcript},
};

/// How much is kept of calls that nobody asked for. Those of a trial that was given
/// up, say, are never asked for.
const MAX_UNCLAIMED_BYTES: usize = 64 << 20;
const MAX_UNCLAIMED: usize = 1024;

/// How many notes of connections that are gone are kept.
const MAX_NOTES: usize = 64;

/// How many items are read before somebody is answered, so that a connection that
/// never pauses does not keep the others waiting.
const MAX_READ_AHEAD: usize = 1024;

/// Starts the thread. It ends with the last sender of the queue.
pub(super) fn spawn(items: Receiver) -> io::Result<()> {
    thread::Builder::new().name("tap-watch".to_owned()).spawn(move || {
        let mut watch = Watch::default();
        while let Some(item) = items.next() {
            watch.handle(item);
            // What has passed already is read before anybody is answered, so that
            // a frame just behind a call's last one still counts.
            for _ in 0..MAX_READ_AHEAD {
                let Some(item) = items.waiting() else { break };
                watch.handle(item);
            }
            watch.answer();
        }
    })?;
    Ok(())
}

#[derive(Default)]
struct Watch {
    connections: BTreeMap<u64, Connection>,
    unclaimed: VecDeque<Transcript>,
    unclaimed_bytes: usize,
    waiting: Vec<Question>,
    notes: Vec<Note>,
}

struct Question {
    key: Key,
    reply: oneshot::Sender<Seen>,
    is_urgent: bool,
}

impl Watch {
    fn handle(&mut self, item: Item) {
        match item {
            Item::Opened { connection } => {
                self.connections.insert(connection, Connection::new(connection));
            }
            Item::Passed { connection, from, bytes, at } => {
                self.on(connection, |connection| connection.bytes(from, &bytes, at));
            }
            Item::Missed { connection, from, at } => {
                let why = "bytes passed that were not read: the tap fell behind";
                self.on(connection, |connection| connection.lose(from, at, why));
            }
            Item::Closed { connection, from, closing, at } => {
                self.on(connection, |connection| connection.closed(from, closing, at));
            }
            Item::Gone { connection } => {
                self.on(connection, Connection::gone);
                if let Some(connection) = self.connections.remove(&connection) {
                    let room = MAX_NOTES.saturating_sub(self.notes.len());
                    self.notes.extend(connection.notes().iter().take(room).cloned());
                }
            }
            Item::Asked { key, reply } => {
                self.waiting.push(Question { key, reply, is_urgent: false });
            }
            Item::Hurried { key } => {
                let asked = self.waiting.iter_mut().filter(|question| question.key == key);
                asked.for_each(|question| question.is_urgent = true);
            }
        }
    }

    fn on(&mut self, number: u64, act: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        act(connection);
        for transcript in connection.take_finished() {
            self.unclaimed_bytes += transcript.kept_bytes;
            self.unclaimed.push_back(transcript);
        }
        while self.unclaimed.len() > MAX_UNCLAIMED || self.unclaimed_bytes > MAX_UNCLAIMED_BYTES {
            // The newest may be asked for next, however large it is.
            if self.unclaimed.len() == 1 {
                break;
            }
            let Some(oldest) = self.unclaimed.pop_front() else { break };
            self.unclaimed_bytes -= oldest.kept_bytes;
        }
    }

    /// Answers every question whose call has ended, and every urgent one.
    fn answer(&mut self) {
        for question in mem::take(&mut self.waiting) {
            let call = question.key.call();
            let is_open = self.connections.values().any(|connection| connection.has_open(call));
            let is_there = self.unclaimed.iter().any(|transcript| transcript.call == call);
            if question.is_urgent || (is_there && !is_open) {
                let seen = self.seen(call);
                // Who asked may have gone meanwhile.
                let _ = question.reply.send(seen);
            } else {
                self.waiting.push(question);
            }
        }
    }

    fn seen(&mut self, call: Option<u64>) -> Seen {
        let (mine, others): (VecDeque<_>, VecDeque<_>) = mem::take(&mut self.unclaimed)
            .into_iter()
            .partition(|transcript| transcript.call == call);
        self.unclaimed = others;
        let mut transcripts = Vec::from(mine);
        self.unclaimed_bytes -=
            transcripts.iter().map(|transcript| transcript.kept_bytes).sum::<usize>();
        for connection in self.connections.values_mut() {
            transcripts.extend(connection.take_open(call));
        }
        let mut notes = self.notes.clone();
        notes.extend(self.connections.values().flat_map(|connection| connection.notes()).cloned());
        Seen { transcripts, notes }
    }
}

impl Key {
    const fn call(self) -> Option<u64> {
        match self {
            Self::Call(call) => Some(call),
            Self::Pristine => None,
        }
    }
}
