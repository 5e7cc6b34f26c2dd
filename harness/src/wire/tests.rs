//! Whole connections: what is right is read without a note, whatever its pieces;
//! what is wrong becomes one.

use std::{sync::Arc, time::Duration};

use crosswire_http2::{
    codec::Codec,
    frame::{PREFACE, flag, kind},
};

use super::{
    budget::Budget,
    connection::Connection,
    sample::*,
    transcript::{Closing, Event, Transcript, What},
};
use crate::role::Role;

/// The events of a call in a few words.
fn words(transcript: &Transcript) -> Vec<String> {
    let word = |event: &Event| match &event.what {
        What::Opened(opening) => format!("opened {}", opening.open_streams),
        What::Headers { fields, ends_stream } => {
            format!("headers {}{}", fields.list.len(), if *ends_stream { " end" } else { "" })
        }
        What::Data { length, ends_stream, .. } => {
            format!("data {length}{}", if *ends_stream { " end" } else { "" })
        }
        What::Message(message) => format!("message {:?}", message.payload.as_deref().unwrap()),
        other => format!("{other:?}"),
    };
    transcript
        .events()
        .filter(|e| !is_greeting(e))
        .map(|e| format!("{}: {}", e.from, word(e)))
        .collect()
}

fn is_greeting(event: &Event) -> bool {
    matches!(event.what, What::Settings(_) | What::SettingsAck { .. })
}

const ORDINARY: [&str; 8] = [
    "client: opened 1",
    "client: headers 7",
    "client: data 7 end",
    "client: message [8, 2]",
    "server: headers 2",
    "server: data 9",
    "server: message [10, 2, 0, 1]",
    "server: headers 1 end",
];

#[test]
fn a_call_is_the_same_whatever_the_pieces() {
    for piece in [1, 2, 3, 7, 8, 9, 10, 64, usize::MAX] {
        let mut wire = Wire::in_pieces(piece);
        let transcript = wire.request(1, REQUEST).response(1).call();
        assert_eq!(words(&transcript), ORDINARY, "pieces of {piece}");
        assert!(transcript.is_whole && transcript.is_finished);
        assert_eq!(wire.notes(), [""; 0]);
    }
}

#[test]
fn the_cuts_of_frames_mean_nothing_to_messages() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST));
    for byte in message(0, b"\x08\x02") {
        wire.client(&data(1, 0, &[byte]));
    }
    wire.client(&data(1, flag::END_STREAM, b"")).response(1);
    let transcript = wire.call();
    let messages: Vec<_> =
        transcript.messages(Role::Client).map(|(_, m)| m.payload.clone().unwrap()).collect();
    assert_eq!(messages, ["\x08\x02"]);
    assert!(transcript.events().all(|event| !matches!(event.what, What::Fragment(_))));
}

#[test]
fn padding_continuation_and_unknown_frames_are_read_over() {
    let mut wire = Wire::new();
    let block = block(REQUEST);
    let (first, rest) = block.split_at(10);
    let padded = [&[3][..], &message(0, b"\x08\x02"), &[0; 3]].concat();
    wire.client(&frame(kind::HEADERS, 0, 1, first))
        .client(&frame(kind::CONTINUATION, 0, 1, b""))
        .client(&frame(kind::CONTINUATION, flag::END_HEADERS, 1, rest))
        .client(&frame(kind::PRIORITY, 0, 1, &[0; 5]))
        .client(&frame(0x77, 0xff, 1, b"whatever"))
        .client(&data(1, flag::END_STREAM | flag::PADDED, &padded))
        .response(1);
    let mut expected: Vec<String> = ORDINARY.map(str::to_owned).to_vec();
    expected[2] = "client: data 11 end".to_owned();
    expected.insert(2, format!("client: {:?}", What::Other { kind: kind::PRIORITY }));
    expected.insert(3, format!("client: {:?}", What::Other { kind: 0x77 }));
    assert_eq!(words(&wire.call()), expected);
    assert_eq!(wire.notes(), [""; 0]);
}

#[test]
fn interleaved_streams_are_told_apart() {
    let mut wire = Wire::new();
    let entry = |id| [REQUEST, &[("x-crosswire-call", id)]].concat();
    wire.client(&headers(1, 0, &entry("7"))).client(&headers(3, 0, &entry("8")));
    for byte in message(0, b"\x08\x02") {
        wire.client(&data(3, 0, &[byte])).client(&data(1, 0, &[byte]));
    }
    wire.client(&data(3, flag::END_STREAM, b"")).client(&data(1, flag::END_STREAM, b""));
    assert!(wire.connection.has_open(Some(7)) && !wire.connection.has_open(None));
    wire.response(3).response(1);
    let calls: Vec<_> = wire.connection.take_finished();
    let seen: Vec<_> =
        calls.iter().map(|t| (t.stream, t.call, t.messages(Role::Client).count())).collect();
    assert_eq!(seen, [(3, Some(8), 1), (1, Some(7), 1)]);
}

#[test]
fn windows_are_accounted_for_each_stream_and_for_the_connection() {
    let windows = |transcript: &Transcript| -> Vec<(i64, i64)> {
        let window = |event: &Event| match event.what {
            What::Data { stream_window, connection_window, .. } => {
                Some((stream_window, connection_window))
            }
            _ => None,
        };
        transcript.sent_by(Role::Client).filter_map(window).collect()
    };
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST)).client(&data(1, 0, &[0; 535]));
    wire.server(&window_update(1, 1000)).server(&window_update(0, 100));
    wire.client(&data(1, 0, &[0; 1000]));
    // A smaller initial window binds once it is acknowledged, open streams too.
    wire.server(&settings(&[(4, 2000)])).client(&data(1, 0, b""));
    wire.client(&settings_ack()).client(&data(1, 0, b"")).client(&reset(1, 8));
    let expected = [(65_000, 65_000), (65_000, 64_100), (65_000, 64_100), (1465, 64_100)];
    assert_eq!(windows(&wire.call()), expected);
}

#[test]
fn what_belongs_to_the_connection_belongs_to_every_open_call_or_the_next() {
    let mut wire = Wire::new();
    wire.server(&ping(0, *b"01234567")).client(&ping(flag::ACK, *b"01234567"));
    wire.request(1, REQUEST).server(&goaway(1, 0)).response(1);
    let transcript = wire.call();
    let words = words(&transcript);
    assert_eq!(words[0], "server: Ping([48, 49, 50, 51, 52, 53, 54, 55])");
    assert!(words[1].ends_with("is_due: true }"), "{}", words[1]);
    assert!(words.iter().any(|word| word.starts_with("server: GoAway")), "{words:?}");
}

#[test]
fn a_flood_of_pings_is_not_kept_and_accuses_nobody_who_answers_it() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST);
    for _ in 0..1000 {
        wire.client(&ping(0, *b"01234567"));
    }
    for _ in 0..1001 {
        wire.server(&ping(flag::ACK, *b"01234567"));
    }
    wire.response(1);
    let words = words(&wire.call());
    let answers = |end: &str| words.iter().filter(|word| word.ends_with(end)).count();
    let (due, undue) = (answers("is_due: true }"), answers("is_due: false }"));
    assert_eq!((due, undue), (1000, 1), "due and not");
}

#[test]
fn what_cannot_be_read_becomes_a_note() {
    type Send = fn(&mut Wire);
    let cases: [(&str, Send, &str); 8] = [
        ("no preface", |w| *w = tls(), "the connection does not begin with the HTTP/2 preface"),
        (
            "padding",
            |w| _ = w.client(&data(1, 8, b"\x05a")),
            "DATA: the padding is longer than the frame",
        ),
        (
            "a short RST_STREAM",
            |w| _ = w.client(&frame(3, 0, 1, b"abc")),
            "RST_STREAM: the frame's size is wrong for its type",
        ),
        (
            "SETTINGS",
            |w| _ = w.server(&frame(4, 0, 0, b"abc")),
            "SETTINGS: the frame's size is wrong for its type",
        ),
        (
            "HPACK",
            |w| _ = w.server(&frame(1, 4, 1, &[0x80])),
            "a header block is no HPACK: there is no entry 0 in the table",
        ),
        (
            "CONTINUATION alone",
            |w| _ = w.client(&frame(9, 4, 1, b"")),
            "CONTINUATION of no header block",
        ),
        (
            "DATA within a block",
            |w| _ = w.server(&frame(1, 0, 1, b"")).server(&data(1, 0, b"")),
            "DATA within a header block",
        ),
        (
            "a stream that is not open",
            |w| _ = w.server(&data(9, 0, b"")),
            "DATA on stream 9, which is not open",
        ),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        wire.client(&headers(1, 0, REQUEST));
        send(&mut wire);
        assert_eq!(wire.notes(), [expected], "{name}");
    }
}

fn tls() -> Wire {
    let mut wire = Wire::silent();
    wire.client(&[0x16, 3, 1, 0, 200]).server(&[0x16, 3, 3]);
    wire
}

#[test]
fn a_call_that_cannot_be_followed_is_not_whole() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST);
    wire.connection.lose(Role::Server, wire.now, "bytes passed that were not read");
    let transcript = wire.call();
    assert!(!transcript.is_whole && !transcript.is_finished);
    assert_eq!(transcript.connection.notes.len(), 1);
    wire.server(b"anything at all");
    assert_eq!(wire.notes().len(), 1);
}

#[test]
fn a_connection_that_ends_ends_its_calls() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    wire.connection.closed(Role::Server, Closing::Abort, wire.now);
    let transcript = wire.call();
    assert!(transcript.is_whole && !transcript.is_finished);
    assert_eq!(transcript.events().next_back().unwrap().what, What::Closed(Closing::Abort));
}

#[test]
fn a_frame_after_the_end_is_kept_and_one_that_crossed_a_reset_is_not() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).response(1).server(&data(1, 0, b"late"));
    wire.request(3, REQUEST).client(&reset(3, 8)).server(&data(3, 0, b"crossed"));
    wire.request(5, REQUEST).response(5);
    let late = wire.connection.take_late().into_iter().map(|(stream, event)| (stream, event.what));
    let ends = late.filter(|(_, what)| matches!(what, What::AfterEnd { .. }));
    assert_eq!(ends.collect::<Vec<_>>(), [(1, What::AfterEnd { kind: kind::DATA, stream: 1 })]);
    assert_eq!(wire.notes(), [""; 0]);
}

#[test]
fn of_a_flood_after_a_reset_the_first_and_the_last_are_kept() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).client(&reset(1, 8));
    for _ in 0..1000 {
        wire.server(&data(1, 0, b"more"));
    }
    let calls = wire.calls();
    let late: Vec<u64> = calls[0]
        .events()
        .filter_map(|event| match event.what {
            What::AfterReset { frames_since, .. } => Some(frames_since),
            _ => None,
        })
        .collect();
    assert_eq!(late, (1..64).chain([1000]).collect::<Vec<u64>>());
}

/// Random bytes, and right ones with some changed: whatever they are, they are
/// read to the end.
#[test]
fn hostile_bytes_never_panic() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..3000 {
        let mut client = PREFACE.to_vec();
        let mut server = Vec::new();
        client.extend(settings(&[(1, random.number()), (4, random.number())]));
        for stream in [1, 3] {
            client.extend(headers(stream, 0, REQUEST));
            client.extend(data(stream, 1, &message(0, b"\x08\x02")));
            client.extend(window_update(stream, random.number()));
            server.extend(settings(&[(5, random.number())]));
            server.extend(headers(stream, 0, RESPONSE));
            server.extend(data(stream, 8, &message(1, &[9; 40])));
            server.extend(headers(stream, 1, TRAILERS));
            server.extend(goaway(random.number(), 0));
        }
        let flips = round % 20;
        for bytes in [&mut client, &mut server] {
            for _ in 0..flips {
                let at = random.below(bytes.len() - 24) + 24 * usize::from(bytes.len() > 48);
                let last = bytes.len() - 1;
                bytes[at.min(last)] = random.number().to_be_bytes()[0];
            }
        }
        let mut connection = Connection::new(0);
        for (from, bytes) in [(Role::Client, &client), (Role::Server, &server)] {
            for piece in bytes.chunks(1 + random.below(60)) {
                connection.bytes(from, piece, Duration::ZERO);
            }
        }
        connection.closed(Role::Server, Closing::End, Duration::ZERO);
        connection.closed(Role::Client, Closing::End, Duration::ZERO);
        assert!(!connection.has_open(None));
    }
}

/// Frames of every kind, with any flags, on a few streams, of any content: most of
/// them wrong by themselves, or in this place.
#[test]
fn frames_at_random_never_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut fates = [0, 0];
    for _ in 0..2000 {
        let mut connection = Connection::new(0);
        connection.bytes(Role::Client, PREFACE, Duration::ZERO);
        for _ in 0..60 {
            let from = if random.below(2) == 0 { Role::Client } else { Role::Server };
            let kind = u8::try_from(random.below(11)).unwrap();
            let has_block = matches!(kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION);
            let flags = random.number().to_be_bytes()[0];
            // A block that cannot be read is the end of all: most must be right.
            let (kind, flags, payload) = if has_block && random.below(16) > 0 {
                let fields = if from == Role::Client { REQUEST } else { RESPONSE };
                (kind::HEADERS, flags & flag::END_STREAM | flag::END_HEADERS, block(fields))
            } else if random.below(2) == 0 {
                (kind, flags, message(0, &vec![7; random.below(40)]))
            } else {
                let byte = |_| random.number().to_be_bytes()[0];
                (kind, flags, (0..30).map(byte).collect())
            };
            let stream = u32::try_from(random.below(6)).unwrap();
            connection.bytes(from, &frame(kind, flags, stream, &payload), Duration::ZERO);
            connection.take_late();
        }
        fates[usize::from(connection.has_open(None))] += 1;
        connection.gone();
        assert!(!connection.has_open(None));
        assert!(connection.notes().len() <= 32);
    }
    // Neither all of them were lost early, nor none.
    assert!(fates.iter().all(|count| *count > 100), "{fates:?}");
}

struct Random(u64);

impl Random {
    /// Xorshift: the same numbers in every run.
    fn number(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 32).unwrap()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.number() as usize % bound
    }
}

/// Where a limit of ours is reached, what follows is not read, and nothing says that it is.
#[test]
fn beyond_our_limits_nothing_is_read() {
    let mut wire = Wire::new();
    for stream in (1..=2 * 4096).step_by(2) {
        wire.client(&headers(stream, 0, REQUEST));
    }
    assert!(!wire.connection.has_gaps());
    wire.request(8193, REQUEST).response(8193);
    assert!(wire.connection.has_gaps(), "more streams are open than are followed");
    wire.server(&reset(1, 0));
    assert!(wire.call().is_whole, "those that were there are read");
    wire.request(8195, REQUEST);
    let opened = wire.connection.take_open(None).pop().unwrap();
    assert!(opened.is_whole);

    let mut wire = Wire::new();
    wire.server(&frame(0x77, 0, 0, b"").repeat(300)).request(1, REQUEST).response(1);
    assert!(!wire.call().is_whole, "more came between two calls than is kept");
    wire.request(3, REQUEST).response(3);
    assert!(wire.call().is_whole);

    let mut wire = Wire::new();
    wire.request(1, REQUEST);
    wire.connection.lose(Role::Server, wire.now, "bytes passed that were not read");
    assert!(wire.connection.has_gaps());
    // What is no HTTP/2 at all has no calls that could be missed.
    let wire = tls();
    assert!(!wire.connection.has_gaps());
}

#[test]
fn the_end_of_a_connection_is_known() {
    type End = fn(&mut Wire);
    let ends: [(&str, End, Option<u64>); 4] = [
        ("goes on", |_| (), None),
        ("GOAWAY", |w| _ = w.server(&goaway(1, 0)), Some(7)),
        ("the client leaves", |w| w.connection.closed(Role::Client, Closing::End, w.now), Some(7)),
        (
            "the server breaks",
            |w| w.connection.closed(Role::Server, Closing::Abort, w.now),
            Some(7),
        ),
    ];
    for (name, end, expected) in ends {
        let mut wire = Wire::new();
        wire.now = Duration::from_millis(7);
        end(&mut wire);
        wire.now = Duration::from_millis(9);
        wire.connection.closed(Role::Server, Closing::End, wire.now);
        let at = wire.connection.ended().map(|ended| ended.at.as_millis());
        assert_eq!(at, Some(expected.unwrap_or(9).into()), "{name}");
    }
}

/// Who grows without end is not kept: neither events nor open streams nor debts.
#[test]
fn memory_is_bounded() {
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST));
    for _ in 0..1_000_000 {
        wire.client(&data(1, 0, b""));
    }
    wire.server(&reset(1, 0));
    let transcript = wire.call();
    assert!(!transcript.is_whole);
    // What is not judged gives its room back.
    assert!(transcript.kept_bytes() <= 1 << 20, "{}", transcript.kept_bytes());

    for stream in (3..10_000).step_by(2) {
        wire.client(&headers(stream, 0, REQUEST)).server(&ping(0, [0; 8]));
    }
    let open = wire.connection.take_open(None);
    assert_eq!(open.len(), 4096);
    assert!(open.iter().map(Transcript::kept_bytes).sum::<usize>() <= 160 << 20);
}

/// What messages inflate to counts as what comes of them; what would be too much is not
/// inflated to its end, and what follows not at all.
#[test]
fn inflation_is_bounded_for_a_call() {
    let bomb = message(1, &Codec::Gzip.compress(&vec![0; 20 << 20]));
    let response = [RESPONSE, &[("grpc-encoding", "gzip")]].concat();
    for sent in 1..=5 {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, &response));
        for piece in bomb.repeat(sent).chunks(16_000) {
            wire.server(&data(1, 0, piece));
        }
        let call = wire.calls().pop().unwrap();
        assert_eq!(call.is_whole, sent == 1, "{sent} messages");
        assert!(call.kept_bytes() <= 24 << 20, "{}", call.kept_bytes());
        // Of what is not judged, how it began is kept.
        let kept = (call.messages(Role::Server).count(), call.blocks(Role::Server).count());
        assert_eq!(kept, (usize::from(call.is_whole), 1));
    }
}

/// One memory for all connections: what one of them keeps, another has no room for, until it
/// is forgotten.
#[test]
fn connections_share_a_budget() {
    let budget = Arc::new(Budget::of(1 << 20));
    let mut wires: Vec<Wire> = Vec::new();
    for number in 0..2 {
        let mut wire = Wire::new();
        wire.connection = Connection::within(Arc::clone(&budget), number);
        wire.client(PREFACE).client(&settings(&[])).request(1, REQUEST);
        for _ in 0..40 {
            wire.server(&data(1, 0, &message(0, &[0; 16_000])));
        }
        wires.push(wire);
    }
    let [first, second] = [0, 1].map(|number| wires[number].connection.take_open(None));
    assert_eq!((first[0].is_whole, second[0].is_whole), (true, false));
    drop((first, second, wires));
    assert_eq!(budget.left_bytes(), 1 << 20);
}
