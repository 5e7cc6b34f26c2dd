//! Faults between real sockets.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use crosswire_http2::frame::{flag, kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
    time::timeout,
};

use super::{LIMIT, fault, greeting, response};
use crate::{
    role::Role,
    suite::AddressPlace,
    tap::{Behaviour, Entrance, Key, Seen, Tap},
    wire::{
        sample::*,
        transcript::{Closing, Event, Transcript, What},
    },
};

const SIDES: [Role; 2] = [Role::Client, Role::Server];

fn run<F: Future>(test: F) -> F::Output {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(LIMIT, test).await.expect("the test ends in time") })
}

/// Two sockets with a tap between them that has a fault.
struct Pair {
    tap: Tap,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

impl Pair {
    async fn new(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behaviour = Behaviour { fault: Some(fault(text)), ..Behaviour::default() };
        let address = listener.local_addr().unwrap().into();
        let tap = Tap::start(&address, behaviour).unwrap();
        let client = TcpStream::connect(tap.address().to_string()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        Self { tap, listener, client, server }
    }

    /// With the fault of this side, which comes first in what is handed out.
    async fn of(side: Role, text: &str) -> (Tap, TcpStream, TcpStream) {
        let Self { tap, client, server, .. } = Self::new(&format!("of = '{side}'\n{text}")).await;
        match side {
            Role::Client => (tap, client, server),
            Role::Server => (tap, server, client),
        }
    }

    async fn greet(&mut self) {
        let client = [greeting(Role::Client), settings_ack()].concat();
        let server = [greeting(Role::Server), settings_ack()].concat();
        exchange(&mut self.client, &client, &mut self.server).await;
        exchange(&mut self.server, &server, &mut self.client).await;
    }

    async fn request(&mut self, stream: u32) {
        let request =
            [headers(stream, 0, REQUEST), data(stream, flag::END_STREAM, &message(0, b""))];
        exchange(&mut self.client, &request.concat(), &mut self.server).await;
    }

    async fn take(&self) -> Seen {
        self.tap.take(Key::Pristine, LIMIT).await
    }
}

/// Sends bytes and sees the same arrive.
async fn exchange(from: &mut TcpStream, bytes: &[u8], to: &mut TcpStream) {
    from.write_all(bytes).await.unwrap();
    expect(to, bytes).await;
}

async fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut came = vec![0; bytes.len()];
    stream.read_exact(&mut came).await.unwrap();
    assert_eq!(came.escape_ascii().to_string(), bytes.escape_ascii().to_string());
}

/// Nothing more comes, and the connection stays open.
async fn expect_silence(stream: &mut TcpStream) {
    let waited = timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(waited.is_err(), "{waited:?}");
}

fn by_tap(transcript: &Transcript) -> Vec<(Role, &What)> {
    let events = transcript.events().filter(|event| event.by_tap);
    events.map(|Event { from, what, .. }| (*from, what)).collect()
}

#[test]
fn a_delay_keeps_order_and_pauses() {
    for side in SIDES {
        run(async {
            let (_tap, mut sender, mut receiver) = Pair::of(side, "delay = '200ms'").await;
            let start = Instant::now();
            sender.write_all(b"ab").await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            sender.write_all(b"c").await.unwrap();
            sender.shutdown().await.unwrap();
            expect(&mut receiver, b"ab").await;
            assert!(start.elapsed() >= Duration::from_millis(200));
            expect(&mut receiver, b"c").await;
            assert!(start.elapsed() >= Duration::from_millis(300));
            assert_eq!(receiver.read(&mut [0]).await.unwrap(), 0);
            // The other direction is not held up by it, and hears nothing of it.
            exchange(&mut receiver, b"answer", &mut sender).await;
        });
    }
}

/// More than a delayed line holds: the sender waits, and nothing is lost.
#[test]
fn a_delayed_line_may_be_full() {
    run(async {
        let (_tap, mut sender, mut receiver) = Pair::of(Role::Server, "delay = '10ms'").await;
        let bytes: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251).to_le_bytes()[0]).collect();
        let mut came = Vec::new();
        let write = async {
            for chunk in bytes.chunks(997) {
                sender.write_all(chunk).await.unwrap();
            }
            sender.shutdown().await.unwrap();
        };
        let (_, read) = tokio::join!(write, receiver.read_to_end(&mut came));
        read.unwrap();
        assert!(came == bytes);
    });
}

#[test]
fn a_throttle_is_no_faster_than_it_says() {
    for side in SIDES {
        run(async {
            let text = "throttle_bytes_per_s = 10000\nafter_bytes = 1000";
            let (_tap, mut sender, mut receiver) = Pair::of(side, text).await;
            sender.write_all(&[7; 1000]).await.unwrap();
            expect(&mut receiver, &[7; 1000]).await;
            let start = Instant::now();
            sender.write_all(&[8; 4000]).await.unwrap();
            sender.shutdown().await.unwrap();
            let mut came = Vec::new();
            receiver.read_to_end(&mut came).await.unwrap();
            assert_eq!(came, [8; 4000]);
            // The last piece goes as soon as the one before has had its time.
            assert!(start.elapsed() >= Duration::from_millis(380), "{:?}", start.elapsed());
        });
    }
}

#[test]
fn a_blackhole_swallows_one_direction_and_stays_open() {
    for side in SIDES {
        run(async {
            let text = "blackhole = true\nafter_bytes = 3";
            let (_tap, mut sender, mut receiver) = Pair::of(side, text).await;
            sender.write_all(b"ab").await.unwrap();
            sender.write_all(b"cde").await.unwrap();
            expect(&mut receiver, b"abc").await;
            exchange(&mut receiver, b"are you there?", &mut sender).await;
            sender.write_all(b"yes").await.unwrap();
            // Not even the end of the sender is heard of.
            sender.set_zero_linger().unwrap();
            drop(sender);
            expect_silence(&mut receiver).await;
            receiver.write_all(b"hello?").await.unwrap();
            receiver.write_all(b"hello?").await.unwrap();
            expect_silence(&mut receiver).await;
            // Once the receiver ends it, it is over.
            receiver.shutdown().await.unwrap();
            let _ = receiver.read(&mut [0]).await;
        });
    }
}

#[test]
fn a_cut_ends_both_sides() {
    for side in SIDES {
        run(async {
            let text = "cut = 'close'\nafter_bytes = 3";
            let (_tap, mut sender, mut receiver) = Pair::of(side, text).await;
            receiver.write_all(b"unread").await.unwrap();
            expect(&mut sender, b"unread").await;
            sender.write_all(b"abcde").await.unwrap();
            let mut came = Vec::new();
            receiver.read_to_end(&mut came).await.unwrap();
            assert_eq!(came, b"abc");
            assert_eq!(sender.read(&mut [0]).await.unwrap(), 0);
            // Who has more to say meanwhile is not met with a reset.
            for stream in [&mut sender, &mut receiver] {
                for _ in 0..2 {
                    stream.write_all(b"more").await.unwrap();
                    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                }
            }

            let text = "cut = 'reset'\nafter_bytes = 3";
            let (_tap, mut sender, mut receiver) = Pair::of(side, text).await;
            sender.write_all(b"abcde").await.unwrap();
            for stream in [&mut sender, &mut receiver] {
                let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        });
    }
}

#[test]
fn a_cut_at_the_start_lets_nothing_pass() {
    run(async {
        let (_tap, mut server, mut client) = Pair::of(Role::Server, "cut = 'close'").await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    });
}

/// Who is away refuses, before the client can see that the connection has ended, and is at the
/// same place again afterwards.
#[test]
fn nobody_listens_while_the_server_is_away() {
    run(async {
        let mut pair = Pair::new("cut = 'close'\nafter_headers = true\naway = '300ms'").await;
        let target = pair.tap.address().to_string();
        pair.greet().await;
        pair.request(1).await;
        pair.server.write_all(&response()[1]).await.unwrap();
        pair.client.read_to_end(&mut Vec::new()).await.unwrap();
        let refused = TcpStream::connect(&target).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        while TcpStream::connect(&target).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pair.listener.accept().await.unwrap();
    });
}

/// Each address is told from the others, one refuses, and a fault is at its own.
#[test]
fn a_target_may_have_several_addresses() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let entrance = Entrance {
            places: vec![AddressPlace::Nobody, AddressPlace::Server, AddressPlace::Server],
            ..Entrance::default()
        };
        let behaviour = Behaviour {
            fault: Some(fault("cut = 'close'\naddress = 2")),
            entrance,
            ..Behaviour::default()
        };
        let address = listener.local_addr().unwrap().into();
        let tap = Tap::start(&address, behaviour).unwrap();
        let [nobody, first, second] = tap.addresses() else { panic!("{tap:?}") };
        assert!(nobody.connect().await.is_err());
        let mut pairs = Vec::new();
        for address in [first, second] {
            let client = TcpStream::connect(address.to_string()).await.unwrap();
            pairs.push((client, listener.accept().await.unwrap().0));
        }
        assert_eq!(pairs[1].0.read(&mut [0]).await.unwrap(), 0);
        let (client, server) = &mut pairs[0];
        let call = [greeting(Role::Client), headers(1, 0, REQUEST)].concat();
        exchange(client, &call, server).await;
        let seen = tap.take(Key::Pristine, Duration::ZERO).await;
        assert_eq!(seen.transcripts[0].connection.address, 1);
    });
}

#[test]
fn a_later_connection_passes_unharmed() {
    run(async {
        let mut pair = Pair::new("cut = 'reset'\nafter_headers = true").await;
        pair.greet().await;
        pair.request(1).await;
        pair.server.write_all(&response()[1]).await.unwrap();
        assert!(pair.client.read_to_end(&mut Vec::new()).await.is_err());
        pair.client = TcpStream::connect(pair.tap.address().to_string()).await.unwrap();
        pair.server = pair.listener.accept().await.unwrap().0;
        pair.greet().await;
        pair.request(1).await;
        exchange(&mut pair.server, &response()[1..].concat(), &mut pair.client).await;
        let mut seen = pair.take().await;
        while seen.transcripts.len() < 2 {
            seen.transcripts.extend(pair.take().await.transcripts);
        }
        let [first, second] = &seen.transcripts[..] else { panic!("{seen:?}") };
        let cut = What::Closed(Closing::Abort);
        assert_eq!(by_tap(first), [(Role::Server, &cut)]);
        assert!(first.connection.altered.server && !first.connection.altered.client);
        assert!(!first.is_finished && second.is_finished);
        assert!(!second.connection.altered.server && by_tap(second).is_empty());
    });
}

#[test]
fn the_transcript_shows_what_the_receiver_got() {
    run(async {
        let mut pair = Pair::new("blackhole = true\nafter_messages = 1").await;
        pair.greet().await;
        pair.request(1).await;
        let [_, headers, data, ..] = response();
        pair.server.write_all(&[&headers[..], &data].concat()).await.unwrap();
        expect(&mut pair.client, &headers).await;
        expect(&mut pair.client, &super::data(1, 0, &message(0, b"abc"))).await;
        expect_silence(&mut pair.client).await;
        exchange(&mut pair.client, &reset(1, 8), &mut pair.server).await;
        let seen = pair.take().await;
        assert_eq!(seen.notes, []);
        let [transcript] = &seen.transcripts[..] else { panic!("{seen:?}") };
        assert_eq!(transcript.messages(Role::Server).count(), 1);
        assert!(transcript.connection.altered.server && transcript.is_whole);
    });
}

#[test]
fn half_of_the_trailers_pass() {
    run(async {
        let mut pair = Pair::new("cut = 'close'\nin_trailers = true").await;
        pair.greet().await;
        pair.request(1).await;
        let bytes = response()[1..].concat();
        let trailers = response()[4].len();
        pair.server.write_all(&bytes).await.unwrap();
        let mut came = Vec::new();
        pair.client.read_to_end(&mut came).await.unwrap();
        assert_eq!(came, bytes[..bytes.len() - trailers + trailers / 2]);
        let seen = pair.take().await;
        assert_eq!(seen.notes[0].text, "the connection ends within a frame (12 bytes)");
    });
}

/// The call's stream ends for the client; the connection goes on, with its window and
/// its table of headers as they were.
#[test]
fn a_reset_of_the_stream_leaves_the_connection() {
    run(async {
        let mut pair = Pair::new("rst_stream = 'REFUSED_STREAM'").await;
        pair.greet().await;
        pair.request(1).await;
        expect(&mut pair.client, &reset(1, 7)).await;
        pair.server.write_all(&response()[1..].concat()).await.unwrap();
        expect(&mut pair.server, &window_update(0, 15)).await;
        expect(&mut pair.server, &window_update(0, 6)).await;
        let seen = pair.take().await;
        let [transcript] = &seen.transcripts[..] else { panic!("{seen:?}") };
        assert_eq!(by_tap(transcript), [(Role::Server, &What::Reset { code: 7 })]);
        assert!(transcript.is_finished && transcript.connection.altered.server);
        pair.request(3).await;
        let answer = [headers(3, 0, RESPONSE), headers(3, flag::END_STREAM, TRAILERS)].concat();
        exchange(&mut pair.server, &answer, &mut pair.client).await;
        let seen = pair.take().await;
        assert_eq!(seen.transcripts[0].stream, 3);
        assert_eq!(seen.notes, []);
    });
}

/// Nor is the window given back within a header block of the other direction.
#[test]
fn credit_waits_for_the_end_of_a_block() {
    run(async {
        let mut pair = Pair::new("rst_stream = 0").await;
        pair.greet().await;
        pair.request(1).await;
        expect(&mut pair.client, &reset(1, 0)).await;
        let block = block(REQUEST);
        let start = frame(kind::HEADERS, flag::END_STREAM, 3, &block[..9]);
        exchange(&mut pair.client, &start, &mut pair.server).await;
        pair.server.write_all(&response()[3]).await.unwrap();
        expect_silence(&mut pair.server).await;
        let end = frame(kind::CONTINUATION, flag::END_HEADERS, 3, &block[9..]);
        exchange(&mut pair.client, &end, &mut pair.server).await;
        expect(&mut pair.server, &window_update(0, 6)).await;
    });
}

#[test]
fn a_request_can_be_reset() {
    run(async {
        let mut pair = Pair::new("of = 'client'\nrst_stream = 8\nafter_headers = true").await;
        pair.greet().await;
        let request = headers(1, 0, REQUEST);
        pair.client.write_all(&request).await.unwrap();
        expect(&mut pair.server, &[request, reset(1, 8)].concat()).await;
        pair.client.write_all(&data(1, flag::END_STREAM, &message(0, b"a"))).await.unwrap();
        expect(&mut pair.client, &window_update(0, 6)).await;
        expect_silence(&mut pair.server).await;
        let seen = pair.take().await;
        let reset = What::Reset { code: 8 };
        assert_eq!(by_tap(&seen.transcripts[0]), [(Role::Client, &reset)]);
        assert!(seen.transcripts[0].connection.altered.client);
    });
}

#[test]
fn a_goaway_comes_between_calls() {
    run(async {
        let mut pair = Pair::new("goaway = 'NO_ERROR'\nin_trailers = true").await;
        pair.greet().await;
        pair.request(1).await;
        let answer = response()[1..].concat();
        exchange(&mut pair.server, &answer, &mut pair.client).await;
        expect(&mut pair.client, &goaway(1, 0)).await;
        pair.request(3).await;
        pair.client.write_all(&reset(3, 8)).await.unwrap();
        let mut seen = pair.take().await;
        while seen.transcripts.len() < 2 {
            seen.transcripts.extend(pair.take().await.transcripts);
        }
        let [_, second] = &seen.transcripts[..] else { panic!("{seen:?}") };
        let added = by_tap(second);
        assert!(matches!(added[..], [(Role::Server, What::GoAway { last: 1, .. })]), "{added:?}");
    });
}

#[test]
fn a_ping_is_answered_to_the_tap_alone() {
    for side in SIDES {
        run(async {
            let text = format!("of = '{side}'\nping = true\nafter_headers = true");
            let mut pair = Pair::new(&text).await;
            pair.greet().await;
            let request = headers(1, 0, REQUEST);
            pair.client.write_all(&request).await.unwrap();
            expect(&mut pair.server, &request).await;
            let answer = headers(1, 0, RESPONSE);
            let asked = ping(0, *b"crosswir");
            let (receiver, other) = match side {
                Role::Server => {
                    exchange(&mut pair.server, &answer, &mut pair.client).await;
                    (&mut pair.client, &mut pair.server)
                }
                Role::Client => (&mut pair.server, &mut pair.client),
            };
            expect(receiver, &asked).await;
            let own = [ping(flag::ACK, *b"crosswir"), ping(0, [7; 8])].concat();
            receiver.write_all(&own).await.unwrap();
            expect(other, &ping(0, [7; 8])).await;
            exchange(&mut pair.client, &reset(1, 8), &mut pair.server).await;
            let seen = pair.take().await;
            let transcript = &seen.transcripts[0];
            assert_eq!(by_tap(transcript), [(side, &What::Ping(*b"crosswir"))]);
            let is_answer = |event: &Event| {
                event.what == What::Pong { data: *b"crosswir", is_due: true } && event.from != side
            };
            assert!(transcript.events().any(is_answer));
        });
    }
}

#[test]
fn settings_are_added_to_those_of_a_side() {
    for side in SIDES {
        run(async {
            let text = "settings = { max_concurrent_streams = 4 }";
            let (_tap, mut sender, mut receiver) = Pair::of(side, text).await;
            let greeting = greeting(side);
            sender.write_all(&greeting).await.unwrap();
            let preface = &greeting[..greeting.len() - 9];
            expect(&mut receiver, &[preface, &settings(&[(3, 4)])].concat()).await;
            exchange(&mut sender, &settings(&[(3, 9)]), &mut receiver).await;
        });
    }
}

#[test]
fn a_fault_waits_for_what_never_comes() {
    run(async {
        let mut pair = Pair::new("cut = 'reset'\nafter_messages = 9").await;
        pair.greet().await;
        pair.request(1).await;
        let answer = response()[1..].concat();
        exchange(&mut pair.server, &answer, &mut pair.client).await;
        let seen = pair.take().await;
        assert!(!seen.transcripts[0].connection.altered.server);
        // Half a frame is passed on too, once no more follows.
        pair.server.write_all(&answer[..5]).await.unwrap();
        pair.server.shutdown().await.unwrap();
        let mut rest = Vec::new();
        pair.client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, answer[..5]);
    });
}
