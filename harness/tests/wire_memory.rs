//! What a watched connection makes the reader allocate, whatever its bytes are:
//! counted at the allocator, because what is not counted by the reader itself is what
//! would be forgotten.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    iter,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use crosswire::{role::Role, wire::connection::Connection};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator has no other form; this one only counts")]
// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MEBI: usize = 1 << 20;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `:method: POST`, from the table.
const METHOD: &[u8] = b"\x83";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn opened(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, METHOD)
}

/// The most that is allocated while one client's pieces are read.
fn peak(pieces: impl Iterator<Item = Vec<u8>>) -> usize {
    let mut connection = Connection::new(0);
    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    connection.bytes(Role::Client, PREFACE, Duration::ZERO);
    for piece in pieces {
        connection.bytes(Role::Client, &piece, Duration::ZERO);
        drop(connection.take_finished());
        drop(connection.take_late());
    }
    PEAK.load(Ordering::Relaxed) - before
}

/// One test, because the allocator counts for the whole process.
#[test]
fn hostile_connections_take_no_more_than_their_share() {
    // A field of 4,000 bytes for the table, then a byte for each of its repetitions.
    let mut bomb = [METHOD, b"\x40\x01a\x7f\xa1\x1e", &[b'v'; 4000]].concat();
    bomb.resize(MEBI, 0xbe);
    let huffman: Vec<u8> = [METHOD.to_vec(), b"\x04\x81\x07".repeat(MEBI / 3)].concat();
    let messages = b"\0\0\0\0\0".repeat(16 * MEBI / 5);
    let long = |length: u32| [&[0][..], &length.to_be_bytes()].concat();

    type Pieces<'a> = Box<dyn Iterator<Item = Vec<u8>> + 'a>;
    let cases: [(&str, usize, Pieces<'_>); 9] = [
        (
            "a frame of 16 MiB that does not end",
            64 * MEBI,
            Box::new(
                iter::once(b"\xff\xff\xff\0\0\0\0\0\x01".to_vec())
                    .chain(iter::repeat_n(vec![0; 1000], 16_000)),
            ),
        ),
        (
            "a header block that does not end",
            16 * MEBI,
            Box::new(
                iter::once(frame(HEADERS, 0, 1, METHOD)).chain(
                    iter::repeat_with(|| frame(CONTINUATION, 0, 1, &[0; 16_384])).take(1000),
                ),
            ),
        ),
        (
            "empty CONTINUATION",
            16 * MEBI,
            Box::new(
                iter::once(frame(HEADERS, 0, 1, METHOD))
                    .chain(iter::repeat_with(|| frame(CONTINUATION, 0, 1, b"")).take(100_000)),
            ),
        ),
        (
            "a small block of a large field, many times",
            256 * MEBI,
            Box::new((0..8).map(|_| frame(HEADERS, END_HEADERS, 1, &bomb))),
        ),
        (
            "a block of many short strings in Huffman's code",
            64 * MEBI,
            Box::new((0..4).map(|call| frame(HEADERS, END_HEADERS, 2 * call + 1, &huffman))),
        ),
        (
            "empty messages",
            256 * MEBI,
            Box::new(iter::once(opened(1)).chain((0..4).map(|_| frame(DATA, 0, 1, &messages)))),
        ),
        (
            "a message of 4 GiB",
            64 * MEBI,
            Box::new(
                [opened(1), frame(DATA, 0, 1, &long(u32::MAX))]
                    .into_iter()
                    .chain((0..200).map(|_| frame(DATA, 0, 1, &vec![0; MEBI]))),
            ),
        ),
        (
            "many calls with large messages",
            640 * MEBI,
            Box::new((0..5000).flat_map(|call| {
                let stream = 2 * call + 1;
                let half = [long(200_000), vec![0; 100_000]].concat();
                [opened(stream), frame(DATA, 0, stream, &half)]
            })),
        ),
        (
            "nothing but PING and SETTINGS",
            16 * MEBI,
            Box::new(
                (0..100_000).flat_map(|_| [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 1, 0, b"")]),
            ),
        ),
    ];
    for (name, most, pieces) in cases {
        let peak = peak(pieces);
        assert!(peak <= most, "{name}: {} MiB", peak / MEBI);
        println!("{name}: {} MiB of {} MiB", peak / MEBI, most / MEBI);
    }
}
