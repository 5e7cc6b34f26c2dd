//! Real sockets: what goes in comes out, and what passed is read.

mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crosswire_http2::frame::{PREFACE, flag};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime,
    sync::mpsc,
    time::timeout,
};

use super::{Behaviour, Key, Tap, queue};
use crate::wire::{sample::*, transcript::What};

/// Longer than anything here takes, even on a loaded machine.
const LIMIT: Duration = Duration::from_secs(30);

fn run<F: Future>(test: F) -> F::Output {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(LIMIT, test).await.expect("the test ends in time") })
}

/// A client and a server with the tap between them.
async fn connected() -> (Tap, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tap = Tap::start(&listener.local_addr().unwrap().into(), Behaviour::default()).unwrap();
    let client = TcpStream::connect(tap.address().to_string()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    client.set_nodelay(true).unwrap();
    (tap, client, server)
}

/// Bytes of which no two stretches are alike, so that a lost, doubled or misplaced
/// one is seen.
fn odd_bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

const ODD_PIECES: [usize; 8] = [1, 65_537, 3, 1009, 262_147, 17, 4096, 99_991];

async fn write_in_odd_pieces(stream: &mut (impl tokio::io::AsyncWrite + Unpin), mut bytes: &[u8]) {
    for size in ODD_PIECES.into_iter().cycle() {
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        stream.write_all(piece).await.unwrap();
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    stream.shutdown().await.unwrap();
}

#[test]
fn sixty_four_mebibytes_pass_both_ways_unchanged() {
    run(async {
        let (_tap, mut client, mut server) = connected().await;
        let up = odd_bytes(64 << 20);
        let down: Vec<u8> = up.iter().rev().copied().collect();
        let (mut client_reads, mut client_writes) = client.split();
        let (mut server_reads, mut server_writes) = server.split();
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        let (_, _, up_read, down_read) = tokio::join!(
            write_in_odd_pieces(&mut client_writes, &up),
            write_in_odd_pieces(&mut server_writes, &down),
            server_reads.read_to_end(&mut at_server),
            client_reads.read_to_end(&mut at_client),
        );
        assert_eq!((up_read.unwrap(), down_read.unwrap()), (up.len(), down.len()));
        // Not assert_eq: nobody wants to read 64 MiB.
        assert!(at_server == up, "what the server got is not what the client sent");
        assert!(at_client == down, "what the client got is not what the server sent");
    });
}

/// A byte alone goes on alone: nothing is held back in the hope of more. A delay of
/// 40 ms, as Nagle's algorithm makes it, would be longer than the limit in all.
#[test]
fn a_single_byte_is_not_held_back() {
    run(async {
        let (_tap, mut client, mut server) = connected().await;
        server.set_nodelay(true).unwrap();
        for byte in (0..=255).cycle().take(1000) {
            client.write_all(&[byte]).await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), byte);
            server.write_all(&[!byte]).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), !byte);
        }
    });
}

#[test]
fn half_a_close_closes_half() {
    run(async {
        let (_tap, mut client, mut server) = connected().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    });
}

#[test]
fn a_reset_is_a_reset_on_the_other_side() {
    run(async {
        let (_tap, mut client, mut server) = connected().await;
        client.write_all(b"a").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'a');
        server.set_zero_linger().unwrap();
        drop(server);
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

        let (_tap, mut client, mut server) = connected().await;
        client.write_all(b"a").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'a');
        client.set_zero_linger().unwrap();
        drop(client);
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_server_that_is_not_there_hangs_up() {
    run(async {
        // Bound, so that nobody else takes the port, but it does not listen.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap().into();
        let tap = Tap::start(&address, Behaviour::default()).unwrap();
        // The hanging up may come while the client still connects.
        let client = TcpStream::connect(tap.address().to_string()).await;
        let hangs_up = match client {
            Ok(mut client) => client.read_u8().await.is_err(),
            Err(_) => true,
        };
        assert!(hangs_up && tap.has_server_left());
    });
}

/// Whoever asks after the client has seen it, and only then.
#[test]
fn that_a_server_leaves_is_known_before_its_client_knows() {
    run(async {
        let (tap, mut client, server) = connected().await;
        assert!(!tap.has_server_left());
        drop(server);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(tap.has_server_left());
        assert!(!tap.has_server_left(), "it is told once");
        let (tap, client, mut server) = connected().await;
        drop(client);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert!(!tap.has_server_left(), "the client left");
    });
}

fn greeting() -> Vec<u8> {
    [PREFACE.as_slice(), &settings(&[]), &settings_ack()].concat()
}

fn request(stream: u32, call: &str) -> Vec<u8> {
    let fields = [REQUEST, &[("x-crosswire-call", call)]].concat();
    let data = data(stream, flag::END_STREAM, &message(0, b"\x08\x02"));
    [headers(stream, 0, &fields), data].concat()
}

fn response(stream: u32) -> Vec<u8> {
    let body = data(stream, 0, &message(0, b"\x0a\x02\0\x01"));
    [headers(stream, 0, RESPONSE), body, headers(stream, flag::END_STREAM, TRAILERS)].concat()
}

#[test]
fn a_call_is_handed_out_once_it_has_ended() {
    run(async {
        let (tap, mut client, mut server) = connected().await;
        let sent = [greeting(), request(1, "7"), request(3, "8"), headers(5, 1, REQUEST)].concat();
        client.write_all(&sent).await.unwrap();
        let mut received = vec![0; sent.len()];
        server.read_exact(&mut received).await.unwrap();
        assert_eq!(received, sent);
        let answers = [settings(&[]), settings_ack(), response(3), response(1), response(5)];
        let answers = answers.concat();
        let (seen, written) =
            tokio::join!(tap.take(Key::Call(7), LIMIT), server.write_all(&answers));
        written.unwrap();
        assert_eq!(seen.notes, []);
        let [transcript] = &seen.transcripts[..] else { panic!("{}", seen.transcripts.len()) };
        assert!(transcript.is_whole && transcript.is_finished);
        assert_eq!((transcript.stream, transcript.call), (1, Some(7)));
        for (key, stream) in [(Key::Pristine, 5), (Key::Call(8), 3)] {
            assert_eq!(tap.take(key, LIMIT).await.transcripts[0].stream, stream);
        }
        // Nothing is kept of what was handed out.
        assert!(tap.take(Key::Call(7), Duration::ZERO).await.transcripts.is_empty());
    });
}

#[test]
fn what_comes_after_a_reset_is_collected_by_who_lingers() {
    run(async {
        let (tap, mut client, mut server) = connected().await;
        let sent = [greeting(), request(1, "7"), reset(1, 8)].concat();
        client.write_all(&sent).await.unwrap();
        server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
        let answers = [settings(&[]), settings_ack(), data(1, 0, &message(0, b""))].concat();
        server.write_all(&answers).await.unwrap();
        client.read_exact(&mut vec![0; answers.len()]).await.unwrap();
        let seen = tap.linger(Key::Call(7), Duration::from_millis(10), LIMIT).await;
        let events = seen.transcripts[0].events();
        let late = events.filter(|event| matches!(event.what, What::AfterReset { .. }));
        assert_eq!(late.count(), 1);
    });
}

#[test]
fn who_lingers_for_a_call_that_does_not_end_waits_no_longer_than_the_limit() {
    run(async {
        let (tap, mut client, mut server) = connected().await;
        let sent = [greeting(), request(1, "7")].concat();
        client.write_all(&sent).await.unwrap();
        server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
        let seen = tap.linger(Key::Call(7), LIMIT, Duration::from_millis(10)).await;
        assert!(!seen.transcripts[0].is_finished);
    });
}

#[test]
fn a_call_that_does_not_end_is_handed_out_as_far_as_it_came() {
    run(async {
        let (tap, mut client, mut server) = connected().await;
        let sent = [greeting(), request(1, "7")].concat();
        client.write_all(&sent).await.unwrap();
        server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
        let seen = tap.take(Key::Call(7), Duration::from_millis(10)).await;
        assert!(!seen.transcripts[0].is_finished && seen.transcripts[0].is_whole);
    });
}

/// It reads a flood, say, and what is asked waits behind that.
#[test]
fn a_reader_that_does_not_come_to_a_question_is_not_waited_for() {
    run(async {
        let (watch, _unread) = queue::queue(queue::of_process());
        let tap = Tap {
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], 1)).into()],
            _closed: Vec::new(),
            watch,
            lossy_ends: Arc::default(),
            _running: mpsc::channel(1).0,
        };
        let seen = tap.take(Key::Call(7), Duration::ZERO).await;
        assert!(seen.has_gaps && seen.transcripts.is_empty());
    });
}

#[test]
fn what_is_no_http2_passes_and_is_noted() {
    run(async {
        let (tap, mut client, mut server) = connected().await;
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        server.read_exact(&mut [0; 18]).await.unwrap();
        let seen = tap.take(Key::Pristine, Duration::ZERO).await;
        assert!(seen.transcripts.is_empty());
        assert_eq!(seen.notes[0].text, "the connection does not begin with the HTTP/2 preface");
    });
}

#[test]
fn a_tap_that_is_dropped_hangs_up() {
    run(async {
        let (tap, mut client, _server) = connected().await;
        drop(tap);
        let _ = client.read_u8().await.unwrap_err();
    });
}
