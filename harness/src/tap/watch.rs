//! Reads the copies and keeps transcripts until they are asked for.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io, mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::sync::oneshot;

use super::{
    Key, Seen,
    queue::{Item, Receiver},
};
use crate::wire::{
    budget::Budget,
    connection::Connection,
    tls::Ciphertext,
    transcript::{Aside, Ended, Note, Transcript, What},
};

/// How much is kept of calls that nobody asked for. Those of a trial that was given
/// up, say, are never asked for.
const MAX_UNCLAIMED_BYTES: usize = 64 << 20;
const MAX_UNCLAIMED: usize = 8192;

/// How many keys are kept of calls that were dropped, and how many connections that have
/// ended. Beyond, every call may be one of those that were dropped.
const MAX_DROPPED: usize = 1 << 16;
const MAX_ENDED: usize = 1 << 12;

/// How many notes of connections that are gone are kept.
const MAX_NOTES: usize = 64;

/// Of how many connections that are gone it is kept what belongs to no call.
const MAX_ASIDES: usize = 64;

/// How many encrypted connections are kept count of.
const MAX_CIPHERTEXTS: usize = 64;

/// How many items are read before somebody is answered, so that a connection that
/// never pauses does not keep the others waiting.
const MAX_READ_AHEAD: usize = 1024;

/// Starts the thread. It ends with the last sender of the queue.
pub(super) fn spawn(
    items: Receiver,
    is_opaque: bool,
    lossy_ends: Arc<AtomicUsize>,
) -> io::Result<()> {
    thread::Builder::new().name("tap-watch".to_owned()).spawn(move || {
        let budget = Budget::of_process();
        let mut watch = Watch { is_opaque, lossy_ends, budget, ..Watch::default() };
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
    /// What is kept of them must fit into this.
    budget: Arc<Budget>,
    /// What passes is encrypted, and there is nothing to wait for.
    is_opaque: bool,
    ciphertexts: BTreeMap<u64, Ciphertext>,
    unclaimed: VecDeque<Transcript>,
    unclaimed_bytes: usize,
    /// Whose transcripts were dropped before anybody asked for them.
    dropped: BTreeSet<Option<u64>>,
    /// More was dropped than is known by name.
    has_dropped_many: bool,
    /// How many connections are gone on which calls may have passed unread.
    lossy_ends: Arc<AtomicUsize>,
    ended: Vec<Ended>,
    waiting: Vec<Question>,
    ends_awaited: Vec<(Key, oneshot::Sender<()>)>,
    notes: Vec<Note>,
    asides: VecDeque<Aside>,
    has_struck: bool,
}

struct Question {
    key: Key,
    reply: oneshot::Sender<Seen>,
    is_urgent: bool,
}

impl Watch {
    fn handle(&mut self, item: Item) {
        match item {
            Item::Opened { connection, .. } if self.is_opaque => {
                if self.ciphertexts.len() < MAX_CIPHERTEXTS {
                    self.ciphertexts.insert(connection, Ciphertext::new(connection));
                }
            }
            Item::Opened { connection, address } => {
                let budget = Arc::clone(&self.budget);
                let opened = Connection::within(budget, connection).at(address);
                self.connections.insert(connection, opened);
            }
            Item::Passed { connection, from, bytes, at } => {
                if let Some(ciphertext) = self.ciphertexts.get_mut(&connection) {
                    ciphertext.bytes(from, &bytes);
                }
                self.on(connection, |connection| connection.bytes(from, &bytes, at));
            }
            Item::Added { connection, from, bytes, at } => {
                self.on(connection, |connection| connection.added(from, &bytes, at));
            }
            Item::Struck { connection, from, only_slows } => {
                self.has_struck = true;
                self.on(connection, |connection| match only_slows {
                    true => connection.slows(from),
                    false => connection.alters(from),
                });
            }
            Item::Handshakes { connection, alpn } => {
                self.on(connection, |connection| connection.handshakes(alpn));
            }
            Item::Noted { connection, from, text, at } => {
                self.on(connection, |connection| connection.remark(from, at, text));
            }
            Item::Cut { connection, closing, at } => {
                self.on(connection, |connection| connection.cut(closing, at));
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
                    if connection.has_gaps() {
                        self.lossy_ends.fetch_add(1, Ordering::Relaxed);
                    }
                    let ended = connection.ended().filter(|_| self.ended.len() < MAX_ENDED);
                    self.ended.extend(ended);
                    let room = MAX_NOTES.saturating_sub(self.notes.len());
                    self.notes.extend(connection.notes().iter().take(room).cloned());
                    if self.asides.len() == MAX_ASIDES {
                        self.asides.pop_front();
                    }
                    self.asides.push_back(connection.aside());
                }
            }
            Item::Asked { key, reply } => {
                self.waiting.push(Question { key, reply, is_urgent: false });
            }
            Item::AsidesAsked { reply } => {
                let open = self.connections.values().map(Connection::aside);
                let _ = reply.send(self.asides.iter().cloned().chain(open).collect());
            }
            Item::Awaited { key, reply } => self.ends_awaited.push((key, reply)),
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
            self.unclaimed_bytes += transcript.kept_bytes();
            self.unclaimed.push_back(transcript);
        }
        for (stream, event) in connection.take_late() {
            let is_it = |t: &&mut Transcript| t.stream == stream && t.connection.number == number;
            match self.unclaimed.iter_mut().rev().find(is_it) {
                Some(transcript) => self.unclaimed_bytes += transcript.late(event),
                // It must not go unseen that a side breaks the connection's order.
                None if matches!(event.what, What::AfterEnd { .. }) => connection.belated(event),
                // Whether a server heeded a reset, nobody asks of a call that was handed out.
                None => {}
            }
        }
        while self.unclaimed.len() > MAX_UNCLAIMED || self.unclaimed_bytes > MAX_UNCLAIMED_BYTES {
            // The newest may be asked for next, however large it is.
            if self.unclaimed.len() == 1 {
                break;
            }
            let Some(oldest) = self.unclaimed.pop_front() else { break };
            self.unclaimed_bytes -= oldest.kept_bytes();
            if self.dropped.len() < MAX_DROPPED {
                self.dropped.insert(oldest.call);
            } else {
                self.has_dropped_many = true;
            }
        }
    }

    /// Answers every question whose call has ended, and every urgent one. Who asked
    /// may have gone meanwhile.
    fn answer(&mut self) {
        for (key, reply) in mem::take(&mut self.ends_awaited) {
            if self.has_ended(key) {
                let _ = reply.send(());
            } else if !reply.is_closed() {
                self.ends_awaited.push((key, reply));
            }
        }
        for question in mem::take(&mut self.waiting) {
            if question.is_urgent || self.has_ended(question.key) {
                let seen = self.seen(question.key.call());
                let _ = question.reply.send(seen);
            } else if !question.reply.is_closed() {
                self.waiting.push(question);
            }
        }
    }

    fn has_ended(&self, key: Key) -> bool {
        let call = key.call();
        !self.connections.values().any(|connection| connection.has_open(call))
    }

    fn seen(&mut self, call: Option<u64>) -> Seen {
        let mut transcripts = Vec::new();
        while let Some(position) = self.unclaimed.iter().position(|t| t.call == call)
            && let Some(transcript) = self.unclaimed.remove(position)
        {
            self.unclaimed_bytes -= transcript.kept_bytes();
            transcripts.push(transcript);
        }
        for connection in self.connections.values_mut() {
            transcripts.extend(connection.take_open(call));
        }
        transcripts.sort_by_key(Transcript::opened_at);
        let mut notes = self.notes.clone();
        notes.extend(self.connections.values().flat_map(|connection| connection.notes()).cloned());
        let opaque = self.ciphertexts.values().map(|ciphertext| ciphertext.seen().clone());
        let live = self.connections.values();
        let is_missed = live.clone().any(Connection::has_gaps) || self.dropped.contains(&call);
        let ended = self.ended.iter().copied().chain(live.filter_map(Connection::ended));
        Seen {
            transcripts,
            notes,
            opaque: opaque.collect(),
            has_struck: self.has_struck,
            ended: ended.collect(),
            has_gaps: self.has_dropped_many || is_missed,
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::{role::Role, wire::sample::*};
    use crosswire_http2::frame::{PREFACE, flag, kind};

    impl Watch {
        fn passed(&mut self, from: Role, bytes: &[u8]) {
            let (bytes, at) = (Bytes::copy_from_slice(bytes), Duration::ZERO);
            self.handle(Item::Passed { connection: 0, from, bytes, at });
            self.answer();
        }

        fn take(&mut self, key: Key) -> Seen {
            let (reply, mut seen) = oneshot::channel();
            self.handle(Item::Asked { key, reply });
            self.answer();
            seen.try_recv().unwrap()
        }
    }

    fn watching() -> Watch {
        let mut watch = Watch::default();
        watch.handle(Item::Opened { connection: 0, address: 0 });
        watch.passed(Role::Client, &[PREFACE.as_slice(), &settings(&[])].concat());
        watch.passed(Role::Server, &[settings(&[]), settings_ack()].concat());
        watch.passed(Role::Client, &settings_ack());
        watch
    }

    fn call(number: u64, stream: u32) -> Vec<u8> {
        let number = number.to_string();
        let fields = [REQUEST, &[("x-crosswire-call", number.as_str())]].concat();
        let data = data(stream, flag::END_STREAM, &message(0, b"\x08\x02"));
        [headers(stream, 0, &fields), data].concat()
    }

    fn answer(stream: u32) -> Vec<u8> {
        let data = data(stream, 0, &message(0, b"\x0a\x02\0\x01"));
        let ends = headers(stream, flag::END_STREAM, TRAILERS);
        [headers(stream, 0, RESPONSE), data, ends].concat()
    }

    #[test]
    fn frames_that_come_late_belong_to_their_call_until_it_is_handed_out() {
        let mut watch = watching();
        let (reply, mut ended) = oneshot::channel();
        watch.handle(Item::Awaited { key: Key::Call(7), reply });
        watch.passed(Role::Client, &[call(7, 1), call(8, 3)].concat());
        assert!(ended.try_recv().is_err());
        watch.passed(Role::Client, &reset(1, 8));
        ended.try_recv().unwrap();
        watch.passed(Role::Server, &data(1, 0, b"late"));
        watch.passed(Role::Server, &answer(3));
        let late = |seen: &Seen| {
            let events = seen.transcripts[0].events();
            events.filter(|event| matches!(event.what, What::AfterReset { .. })).count()
        };
        assert_eq!(late(&watch.take(Key::Call(7))), 1);
        watch.passed(Role::Server, &data(1, 0, b"too late"));
        assert_eq!(late(&watch.take(Key::Call(8))), 0);
        assert_eq!(watch.unclaimed_bytes, 0);
    }

    /// A frame after the end may end the connection of many: its own call is charged with it.
    #[test]
    fn a_frame_after_the_end_belongs_to_its_call_until_it_is_handed_out() {
        let mut watch = watching();
        watch.passed(Role::Client, &[call(7, 1), call(8, 3), call(9, 5)].concat());
        watch.passed(Role::Server, &[answer(1), data(1, 0, b"late")].concat());
        let late = |seen: &Seen| {
            let events = seen.transcripts[0].events();
            events.filter(|event| matches!(event.what, What::AfterEnd { stream: 1, .. })).count()
        };
        assert_eq!(late(&watch.take(Key::Call(7))), 1);
        watch.passed(Role::Server, &data(1, 0, b"later"));
        watch.passed(Role::Server, &[answer(3), answer(5)].concat());
        let others = [8, 9].map(|call| late(&watch.take(Key::Call(call))));
        assert_eq!(others, [1, 0], "it is seen, once");
    }

    /// Calls that are taken leave nothing behind, however many there were.
    #[test]
    fn twenty_thousand_calls_that_are_taken_leave_nothing() {
        let mut watch = watching();
        for number in 0..20_000 {
            let stream = u32::try_from(2 * number + 1).unwrap();
            watch.passed(Role::Client, &call(number, stream));
            // Some are cancelled, some are late for that.
            if number % 7 == 0 {
                watch.passed(Role::Client, &reset(stream, 8));
            }
            watch.passed(Role::Server, &answer(stream));
            watch.passed(Role::Server, &ping(0, number.to_be_bytes()));
            watch.passed(Role::Client, &ping(flag::ACK, number.to_be_bytes()));
            let seen = watch.take(Key::Call(number));
            assert_eq!((seen.transcripts.len(), seen.notes.len()), (1, 0), "call {number}");
        }
        assert_eq!((watch.unclaimed.len(), watch.unclaimed_bytes), (0, 0));
        assert_eq!((watch.waiting.len(), watch.ends_awaited.len()), (0, 0));
        let kept = watch.connections[&0].kept();
        assert!(kept <= 1024, "{kept}");
    }

    /// Calls that nobody asks for are kept up to a bound, and then the oldest go.
    #[test]
    fn twenty_thousand_calls_that_nobody_wants_are_forgotten() {
        let mut watch = watching();
        for number in 0..20_000 {
            let stream = u32::try_from(2 * number + 1).unwrap();
            watch.passed(Role::Client, &call(number, stream));
            watch.passed(Role::Server, &answer(stream));
        }
        assert_eq!(watch.unclaimed.len(), MAX_UNCLAIMED);
        let kept: usize = watch.unclaimed.iter().map(|call| call.kept_bytes()).sum();
        assert_eq!(watch.unclaimed_bytes, kept);
        assert!(watch.connections[&0].kept() <= 1024);
        let newest = watch.take(Key::Call(19_999));
        assert_eq!((newest.transcripts.len(), newest.has_gaps), (1, false));
        // What was dropped is not taken for what never passed.
        let (dropped, unmade) = (watch.take(Key::Call(3)), watch.take(Key::Call(20_000)));
        assert_eq!((dropped.transcripts.len(), dropped.has_gaps), (0, true));
        assert_eq!((unmade.transcripts.len(), unmade.has_gaps), (0, false));
        watch.handle(Item::Gone { connection: 0 });
        assert!(watch.connections.is_empty());
    }

    /// A connection that cannot be read may carry any call, and when it is gone none that is
    /// made later.
    #[test]
    fn a_connection_that_cannot_be_read_leaves_gaps() {
        let mut watch = watching();
        assert!(!watch.take(Key::Call(1)).has_gaps);
        watch.passed(Role::Server, &frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x80]));
        assert!(watch.take(Key::Call(1)).has_gaps);
        assert_eq!(watch.lossy_ends.load(Ordering::Relaxed), 0);
        watch.handle(Item::Gone { connection: 0 });
        assert!(!watch.take(Key::Call(1)).has_gaps);
        assert_eq!(watch.lossy_ends.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn connections_that_have_ended_are_told() {
        let mut watch = watching();
        assert_eq!(watch.take(Key::Pristine).ended, []);
        watch.passed(Role::Server, &goaway(0, 0));
        let ended = [Ended { connection: 0, at: Duration::ZERO }];
        assert_eq!(watch.take(Key::Pristine).ended, ended);
        watch.handle(Item::Gone { connection: 0 });
        assert_eq!(watch.take(Key::Pristine).ended, ended);
    }

    /// Large ones are bounded by their bytes; the newest stays, however large it is.
    #[test]
    fn large_calls_that_nobody_wants_are_forgotten() {
        let mut watch = watching();
        for number in 0..12 {
            let stream = u32::try_from(2 * number + 1).unwrap();
            watch.passed(Role::Client, &call(number, stream));
            watch.passed(Role::Server, &headers(stream, 0, RESPONSE));
            for _ in 0..10 {
                watch.passed(Role::Server, &data(stream, 0, &message(0, &[0; 1 << 20])));
            }
            watch.passed(Role::Server, &headers(stream, flag::END_STREAM, TRAILERS));
            assert!(watch.unclaimed_bytes <= MAX_UNCLAIMED_BYTES, "{}", watch.unclaimed_bytes);
        }
        assert_eq!(watch.unclaimed.len(), 6);
    }

    /// Who has gone is not kept waiting for.
    #[test]
    fn a_question_without_an_asker_is_dropped() {
        let mut watch = watching();
        let (reply, _) = oneshot::channel();
        watch.handle(Item::Asked { key: Key::Call(7), reply });
        let (reply, _) = oneshot::channel();
        watch.handle(Item::Awaited { key: Key::Call(7), reply });
        watch.answer();
        assert_eq!((watch.waiting.len(), watch.ends_awaited.len()), (0, 0));
    }
}
