//! Every fault in each direction: what the receiver gets of what the sender sends,
//! and what the transcript says.

use std::time::Duration;

use bytes::Bytes;
use crosswire_http2::{
    frame::{PREFACE, flag, kind},
    hpack::HeaderDecoder,
};

use super::{
    edit::{Editor, Step},
    frames::Frames,
    place::{Finder, Place},
};
use crate::{role::Role, suite::Fault, wire::sample::*};

mod sockets;

fn fault(text: &str) -> Fault {
    toml::from_str(text).unwrap()
}

fn greeting(from: Role) -> Vec<u8> {
    match from {
        Role::Client => [PREFACE.as_slice(), &settings(&[])].concat(),
        Role::Server => settings(&[]),
    }
}

/// A streamed response after the server's greeting, in parts.
fn response() -> [Vec<u8>; 5] {
    let messages = [message(0, b"abc"), message(0, b"de")].concat();
    [
        greeting(Role::Server),
        headers(1, 0, RESPONSE),
        data(1, 0, &messages),
        data(1, 0, &message(0, b"f")),
        headers(1, flag::END_STREAM, TRAILERS),
    ]
}

/// How many bytes pass before the position, and what of a frame that is split.
fn passed_until(fault: &Fault, bytes: &[u8], piece: usize) -> Option<Vec<u8>> {
    let mut frames = Frames::new(fault.of);
    let mut finder = Finder::new(fault);
    finder.opened(if fault.of == Role::Server { 1 } else { 0 });
    let mut passed = Vec::new();
    for piece in bytes.chunks(piece) {
        frames.push(piece);
        while let Some((raw, frame)) = frames.next() {
            match finder.find(raw.len(), &frame) {
                None => passed.extend_from_slice(&raw),
                Some(Place::Before) => return Some(passed),
                Some(Place::Within(bytes)) => {
                    passed.extend_from_slice(&raw[..bytes]);
                    return Some(passed);
                }
                Some(Place::Between(first, _)) => {
                    passed.extend_from_slice(&first);
                    return Some(passed);
                }
                Some(Place::After) => {
                    passed.extend_from_slice(&raw);
                    return Some(passed);
                }
            }
        }
    }
    None
}

#[test]
fn a_position_is_found_whatever_the_pieces() {
    let parts = response();
    let upto = |count: usize| parts[..count].concat();
    let half = parts[4].len() / 2;
    let one = data(1, 0, &message(0, b"abc"));
    let bytes = parts.concat();
    for (at, expected) in [
        ("after_headers = true", Some(upto(2))),
        ("after_messages = 0", Some(upto(2))),
        ("after_messages = 1", Some([upto(2), one].concat())),
        ("after_messages = 2", Some(upto(3))),
        ("after_messages = 3", Some(upto(4))),
        ("after_messages = 4", None),
        ("in_trailers = true", Some([upto(4), parts[4][..half].to_vec()].concat())),
        ("after_bytes = 0", Some(Vec::new())),
        ("after_bytes = 9", Some(upto(1))),
        ("after_bytes = 12", Some(bytes[..12].to_vec())),
        ("after_bytes = 100000", None),
    ] {
        let fault = fault(&format!("blackhole = true\n{at}"));
        for piece in [1, 2, 7, bytes.len()] {
            assert_eq!(passed_until(&fault, &bytes, piece), expected, "{at}, pieces of {piece}");
        }
    }
}

#[test]
fn a_block_of_headers_ends_with_its_last_continuation() {
    let block = block(RESPONSE);
    let (first, second) = block.split_at(9);
    let first = frame(kind::HEADERS, 0, 1, first);
    let second = frame(kind::CONTINUATION, flag::END_HEADERS, 1, second);
    let blocks = [greeting(Role::Server), first, second].concat();
    let bytes = [&blocks[..], &data(1, 0, b"")].concat();
    let found = passed_until(&fault("blackhole = true\nafter_headers = true"), &bytes, 3);
    assert_eq!(found, Some(blocks));
}

#[test]
fn the_call_is_the_first_that_the_client_opens() {
    let other = [headers(3, 0, REQUEST), data(3, flag::END_STREAM, &message(0, b"x"))].concat();
    let before = [greeting(Role::Client), headers(1, 0, REQUEST), other].concat();
    let mine = data(1, 0, &message(0, b"y"));
    let bytes = [&before[..], &mine].concat();
    for (at, expected) in [("after_messages = 0", &before), ("after_messages = 1", &bytes)] {
        let fault = fault(&format!("blackhole = true\nof = 'client'\n{at}"));
        assert_eq!(passed_until(&fault, &bytes, 5).as_ref(), Some(expected), "{at}");
    }
}

#[test]
fn a_padded_frame_is_split_with_its_padding() {
    let content = [message(0, b"abc"), message(0, b"de")].concat();
    let padded = [&[3][..], &content, &[0; 3]].concat();
    let whole = frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, &padded);
    let mut frames = Frames::new(Role::Server);
    frames.push(&whole);
    let (raw, found) = frames.next().unwrap();
    let mut finder = Finder::new(&fault("ping = true\nafter_messages = 1"));
    finder.opened(1);
    let Some(Place::Between(first, second)) = finder.find(raw.len(), &found) else { panic!() };
    assert_eq!(first, data(1, 0, &message(0, b"abc")));
    let rest = [&[3][..], &message(0, b"de"), &[0; 3]].concat();
    assert_eq!(second, frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, &rest));
    // Together they count as the one did.
    assert_eq!(first.len() + second.len(), whole.len() + 9);
}

/// What becomes of bytes, in pieces of a size; neighbours that pass are joined.
fn edited(fault: &Fault, bytes: &[u8], piece: usize) -> Vec<Step> {
    let mut frames = Frames::new(fault.of);
    let mut editor = Editor::new(fault).unwrap();
    let mut steps = Vec::new();
    for piece in bytes.chunks(piece) {
        frames.push(piece);
        while let Some((raw, frame)) = frames.next() {
            editor.opened(if fault.of == Role::Server { 1 } else { 0 }, &mut steps);
            editor.frame(raw, &frame, &mut steps);
        }
    }
    let mut joined: Vec<Step> = Vec::new();
    for step in steps {
        match (joined.last_mut(), step) {
            (Some(Step::Pass(before)), Step::Pass(more)) => {
                *before = [&before[..], &more].concat().into();
            }
            (_, step) => joined.push(step),
        }
    }
    joined
}

fn pass(bytes: &[Vec<u8>]) -> Step {
    Step::Pass(bytes.concat().into())
}

fn add(bytes: Vec<u8>) -> Step {
    Step::Add(bytes.into())
}

#[test]
fn frames_are_added_where_they_can_stand() {
    use Step::*;
    let parts = response();
    let all = parts.concat();
    let [one, two] = [b"abc".as_slice(), b"de"].map(|m| data(1, 0, &message(0, m)));
    let tap_ping = ping(0, *b"crosswir");
    for (text, expected) in [
        ("ping = true", vec![pass(&parts[..1]), Strike, add(tap_ping.clone()), pass(&parts[1..])]),
        (
            "ping = true\nafter_messages = 1",
            vec![
                pass(&[parts[..2].concat(), one.clone()]),
                Strike,
                add(tap_ping),
                pass(&[two, parts[3..].concat()]),
            ],
        ),
        (
            // In the middle of the response's headers.
            "goaway = 0\nafter_bytes = 12",
            vec![pass(&parts[..2]), Strike, add(goaway(1, 0)), pass(&parts[2..])],
        ),
        (
            "goaway = 'ENHANCE_YOUR_CALM'\nin_trailers = true",
            vec![pass(&parts), Strike, add(goaway(1, 11))],
        ),
        (
            "rst_stream = 7",
            vec![pass(&parts[..1]), Strike, add(reset(1, 7)), Credit(15), Credit(6)],
        ),
        (
            "rst_stream = 7\nafter_messages = 1",
            vec![pass(&[parts[..2].concat(), one]), Strike, add(reset(1, 7)), Credit(7), Credit(6)],
        ),
        ("rst_stream = 7\nin_trailers = true", vec![pass(&parts[..4]), Strike, add(reset(1, 7))]),
        (
            "goaway = 0\nlast_stream = 'none'\nafter_messages = 3",
            vec![pass(&parts[..4]), Strike, add(goaway(0, 0))],
        ),
        (
            "settings = { max_concurrent_streams = 4 }",
            vec![Strike, add(settings(&[(3, 4)])), pass(&parts[1..])],
        ),
        ("ping = true\nafter_messages = 9", vec![pass(&parts)]),
    ] {
        for piece in [1, 7, all.len()] {
            assert_eq!(edited(&fault(text), &all, piece), expected, "{text}, pieces of {piece}");
        }
    }
}

/// Nothing stands within a header block.
#[test]
fn frames_are_added_after_a_whole_block() {
    let block = block(RESPONSE);
    let start = frame(kind::HEADERS, 0, 1, &block[..9]);
    let end = frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[9..]);
    let before = [greeting(Role::Server), start, end];
    let after = data(1, 0, &message(0, b"a"));
    let bytes = [before.concat(), after.clone()].concat();
    let steps = edited(&fault("ping = true\nafter_bytes = 12"), &bytes, 5);
    let added = add(ping(0, *b"crosswir"));
    assert_eq!(steps, [pass(&before), Step::Strike, added, pass(&[after])]);
}

#[test]
fn frames_are_added_to_a_request() {
    use Step::*;
    let parts = [
        greeting(Role::Client),
        settings_ack(),
        headers(1, 0, REQUEST),
        data(1, flag::END_STREAM, &message(0, b"a")),
    ];
    let all = parts.concat();
    for (text, expected) in [
        ("rst_stream = 8", vec![pass(&parts[..3]), Strike, add(reset(1, 8)), Credit(6)]),
        ("goaway = 0", vec![pass(&parts[..3]), Strike, add(goaway(0, 0)), pass(&parts[3..])]),
        (
            "ping = true",
            vec![pass(&parts[..1]), Strike, add(ping(0, *b"crosswir")), pass(&parts[1..])],
        ),
        (
            "settings = { initial_window_size = 0 }",
            vec![
                Pass(Bytes::from_static(PREFACE)),
                Strike,
                add(settings(&[(4, 0)])),
                pass(&parts[1..]),
            ],
        ),
        ("rst_stream = 8\nafter_messages = 1", vec![pass(&parts), Strike, add(reset(1, 8))]),
    ] {
        let fault = fault(&format!("of = 'client'\n{text}"));
        for piece in [1, 7, all.len()] {
            assert_eq!(edited(&fault, &all, piece), expected, "{text}, pieces of {piece}");
        }
    }
}

/// WINDOW_UPDATE by 0 would be an error.
#[test]
fn nothing_is_given_back_for_an_empty_frame() {
    let parts = [
        greeting(Role::Client),
        headers(1, 0, REQUEST),
        data(1, 0, &message(0, b"a")),
        data(1, flag::END_STREAM, b""),
    ];
    let steps = edited(&fault("of = 'client'\nrst_stream = 8"), &parts.concat(), 5);
    let expected = [pass(&parts[..2]), Step::Strike, add(reset(1, 8)), Step::Credit(6)];
    assert_eq!(steps, expected);
}

/// A stream that a GOAWAY does not take care of is one that the server never saw.
#[test]
fn a_server_that_goes_away_answers_nothing_new() {
    let [settings, start, ..] = response();
    let new = headers(3, flag::END_STREAM, RESPONSE);
    let end = headers(1, flag::END_STREAM, TRAILERS);
    let bytes = [&settings[..], &start, &new, &end].concat();
    let steps = edited(&fault("goaway = 0\nafter_headers = true"), &bytes, bytes.len());
    let [before, Step::Strike, added, Step::Pass(after)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((before, added), (&pass(&[settings, start]), &add(goaway(1, 0))));
    // It is the end of the call, written anew.
    assert_eq!(after[..], end);
}

/// The block that is dropped puts a field into the table; the next one refers to it.
#[test]
fn a_dropped_block_does_not_spoil_the_next() {
    let trailers = b"\x40\x01k\x01v";
    let next = [b"\xbe".as_slice(), &[0, 1, b'n', 0x7f, 0xa1, 0x9b, 1], &[b'x'; 20_000]].concat();
    let (start, end) = next.split_at(100);
    let bytes = [
        greeting(Role::Server),
        frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, trailers),
        frame(kind::HEADERS, flag::END_STREAM, 3, start),
        frame(kind::CONTINUATION, flag::END_HEADERS, 3, end),
    ]
    .concat();
    let steps = edited(&fault("rst_stream = 0"), &bytes, 11);
    let [_, Step::Strike, Step::Add(_), Step::Pass(passed)] = &steps[..] else {
        panic!("{steps:?}")
    };
    let mut frames = Frames::new(Role::Server);
    frames.push(passed);
    let mut block = Vec::new();
    let mut flags = Vec::new();
    while let Some((_, frame)) = frames.next() {
        assert!(frame.stream == 3 && frame.payload.len() <= 16_384);
        flags.push((frame.kind, frame.flags));
        block.extend_from_slice(&frame.payload);
    }
    assert_eq!(flags, [(kind::HEADERS, flag::END_STREAM), (kind::CONTINUATION, flag::END_HEADERS)]);
    let fields = HeaderDecoder::default().decode(&block).unwrap().list;
    assert_eq!((&fields[0].name[..], &fields[0].value[..]), (&b"k"[..], &b"v"[..]));
    assert_eq!((&fields[1].name[..], fields[1].value.len()), (&b"n"[..], 20_000));
}

#[test]
fn what_is_no_http2_passes_as_it_is() {
    let mut frames = Frames::new(Role::Client);
    frames.push(b"GET / HTTP/1.1\r\n");
    assert!(frames.next().is_none() && frames.are_lost());
    frames.push(b"\r\n");
    assert_eq!(frames.rest(), "GET / HTTP/1.1\r\n\r\n");
}

const LIMIT: Duration = Duration::from_secs(30);
