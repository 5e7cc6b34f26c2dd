//! What the client prints, and how it ends.

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::peers::{Ended, HANG_LIMIT, has_ipv6, peers};

#[test]
fn answers_are_printed() {
    let table: [(&[&str], &str); 18] = [
        (&["detect", "1", "2", "100", "1", "3", "200", "1"], "outliers at: [5]\n"),
        (&["detect", "--dummy"], "outliers at: [7 113 835]\n"),
        (&["detect", "1"], "outliers at: []\n"),
        (&["detect", "-1", "-2.5e3", "nan", "inf"], "outliers at: []\n"),
        (&["detect", "0", "0", "0", "0", "-INF", "Infinity"], "outliers at: []\n"),
        (&["detect", "--", "0", "0", "0", "0", "0", "-.5"], "outliers at: [5]\n"),
        (&["detect", "-1", "0", "0", "0", "0", "0", "0", "0", "0"], "outliers at: [0]\n"),
        (&["detect", "+1", ".5", "5.", "1e3", "-2.5E-3", "1e-999", "007"], "outliers at: [3]\n"),
        (&["detect", "0", "0", "0", "0", "0", "9", "-nan"], "outliers at: []\n"),
        (&["detect", "0", "0", "0", "0", "0", "9", "+NaN", "+inf"], "outliers at: []\n"),
        (&["sequence", "5"], "sequence: [0 1 1 2 3]\n"),
        (&["sequence", "+03"], "sequence: [0 1 1]\n"),
        (&["sequence", "-3"], "sequence: [0]\n"),
        (&["sequence", "--", "-9223372036854775808"], "sequence: [0]\n"),
        (&["sequence", "0"], "sequence: [0]\n"),
        (&["stream", "3"], "F(0) = 0\nF(1) = 1\nF(2) = 1\n"),
        (&["stream", "-1"], "F(0) = 0\n"),
        (&["stream", "1"], "F(0) = 0\n"),
    ];
    for peer in peers() {
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let address = server.next_address();
        let option = format!("--addr={address}");
        for (arguments, expected) in table {
            let (command, rest) = arguments.split_first().expect("a command");
            let mut whole = vec![*command, option.as_str()];
            whole.extend(rest);
            let expected = Ended::with_output(expected);
            assert_eq!(peer.run_client(&whole), expected, "{}: {arguments:?}", peer.name);
        }
        let behind = ["sequence", "2", "--addr", &address];
        assert_eq!(peer.run_client(&behind), Ended::with_output("sequence: [0 1]\n"));
    }
}

#[test]
fn failed_calls_name_their_status() {
    let error = "client: OUT_OF_RANGE: count 94 is more than 93: F(93) does not fit in int64\n";
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let address = server.next_address();

        let sequence = peer.run_client(&["sequence", "94", "--addr", &address]);
        assert_eq!(sequence, Ended::with_error(1, error.trim_end()), "{name}");

        let stream = peer.run_client(&["stream", "94", "--addr", &address]);
        assert_eq!(stream.stdout.lines().count(), 93, "{name}");
        assert!(stream.stdout.ends_with("\nF(92) = 7540113804746346429\n"), "{name}: {stream:?}");
        assert_eq!((stream.stderr.as_str(), stream.code), (error, 1), "{name}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // Bound but not listening: it refuses, and nobody else can take the port.
    let bound = TcpSocket::new_v4().expect("a socket");
    bound.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let port = bound.local_addr().expect("an address").port();
    let calls: [&[&str]; 3] = [&["detect", "1"], &["sequence", "1"], &["stream", "1"]];
    for peer in peers() {
        for host in ["127.0.0.1", "localhost"] {
            for call in calls {
                let address = format!("{host}:{port}");
                let ended = peer.run_client(&[call, &["--addr", &address]].concat());
                assert_eq!(ended, unavailable(&address), "{}: {call:?}", peer.name);
            }
        }
        let ended = peer.run_client(&["sequence", "1", "--addr", "a..b:80"]);
        assert_eq!(ended, unavailable("a..b:80"), "{}", peer.name);
    }
}

#[test]
fn a_server_of_another_kind_is_no_grpc_server() {
    let answers: [&[u8]; 2] = [b"", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            for connection in listener.incoming() {
                // The client may have gone.
                let _ = connection.expect("a connection").write_all(answer);
            }
        });
        for peer in peers() {
            let ended = peer.run_client(&["sequence", "1", "--addr", &address]);
            assert_eq!(ended, unavailable(&address), "{}: {answer:?}", peer.name);
        }
    }
}

fn unavailable(address: &str) -> Ended {
    let error = format!(
        "client: UNAVAILABLE: no gRPC server answers at {address}; \
         start one, or name another with --addr"
    );
    Ended::with_error(1, &error)
}

/// The kernel accepts the connection; nobody ever answers on it.
#[test]
fn a_server_that_is_silent_is_given_ten_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address").to_string();
    let expected = "client: DEADLINE_EXCEEDED: no answer within 10 s";
    let peers = peers();
    thread::scope(|scope| {
        for peer in &peers {
            scope.spawn(|| {
                let ended = peer.run_client(&["sequence", "1", "--addr", &address]);
                assert_eq!(ended, Ended::with_error(1, expected), "{}", peer.name);
            });
        }
    });
}

/// Many a hosts file lists only one of its addresses.
#[test]
fn localhost_is_found_on_ipv4_and_on_ipv6() {
    let listens: &[&str] = if has_ipv6() { &["127.0.0.1:0", "[::1]:0"] } else { &["127.0.0.1:0"] };
    for peer in peers() {
        for listen in listens {
            let mut server = peer.start_server(&["--listen", listen]);
            let port = port_of(&server.next_address());
            let ended = peer.run_client(&["sequence", "2", "--addr", &format!("localhost:{port}")]);
            assert_eq!(ended, Ended::with_output("sequence: [0 1]\n"), "{}: {listen}", peer.name);
        }
    }
}

#[test]
fn localhost_is_ipv4_if_a_server_is_there() {
    if !has_ipv6() {
        return;
    }
    for peer in peers() {
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let port = port_of(&server.next_address());
        let other = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).expect("the same port is free");
        other.set_nonblocking(true).expect("a listener that can be asked");
        let ended = peer.run_client(&["sequence", "2", "--addr", &format!("localhost:{port}")]);
        assert_eq!(ended, Ended::with_output("sequence: [0 1]\n"), "{}", peer.name);
        let kind = other.accept().expect_err("nobody comes").kind();
        assert_eq!(kind, ErrorKind::WouldBlock, "{}", peer.name);
    }
}

fn port_of(address: &str) -> u16 {
    let (_, port) = address.rsplit_once(':').expect("a port");
    port.parse().expect("a number")
}

/// As in `client stream 93 | head -n 1`.
#[test]
fn a_reader_that_goes_away_hears_nothing() {
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let address = server.next_address();
        let option = format!("--addr={address}");
        let calls: [&[&str]; 5] = [
            &["--help"],
            &["detect", "--dummy", &option],
            &["sequence", "93", &option],
            &["stream", "94", &option],
            &["drive"],
        ];
        for call in calls {
            let (reader, writer) = io::pipe().expect("a pipe");
            drop(reader);
            let mut client = peer.start_client_with_stdout(call, writer.into());
            // Only drive reads, and the others may have ended.
            let _ = client.write_line(&call_line(&address));
            assert_eq!(client.wait(), Ended::silently(1), "{name}: {call:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let error = "client: cannot write to stdout: no space left on device";
    for peer in peers() {
        for call in ["--help", "drive"] {
            let full = File::create("/dev/full").expect("a disk that is always full");
            let mut client = peer.start_client_with_stdout(&[call], full.into());
            // Only drive reads, and the other may have ended.
            let _ = client.say_hello();
            assert_eq!(client.wait(), Ended::with_error(1, error), "{}: {call}", peer.name);
        }
    }
}

/// As somebody does who presses Ctrl-C.
#[test]
fn an_interrupted_client_ends_at_once() {
    const INTERRUPTED: i32 = 130;
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let option = format!("--addr={}", silent.local_addr().expect("an address"));
    let (sender, connections) = mpsc::channel();
    thread::spawn(move || silent.incoming().try_for_each(|connection| sender.send(connection)));
    for peer in peers() {
        let name = &peer.name;
        let calls: [&[&str]; 3] =
            [&["detect", "1", &option], &["sequence", "1", &option], &["stream", "1", &option]];
        for call in calls {
            let client = peer.start_client(call);
            let connection = connections.recv_timeout(HANG_LIMIT).expect("a client");
            client.signal("INT");
            assert_eq!(client.wait(), Ended::silently(INTERRUPTED), "{name}: {call:?}");
            drop(connection);
        }
        let mut client = peer.start_client(&["drive"]);
        client.say_hello().expect("a reader");
        client.next_line().expect("an answer");
        client.signal("INT");
        assert_eq!(client.wait(), Ended::silently(INTERRUPTED), "{name}: drive");
    }
}

/// The optional parts of a call that every peer's client understands.
const FEATURES: [&str; 14] = [
    "addresses",
    "bidi",
    "cancel",
    "client-streaming",
    "close",
    "gzip",
    "ipv6",
    "keepalive",
    "raw",
    "size-limit",
    "slow",
    "test-service",
    "tls",
    "unix",
];

#[test]
fn drive_says_hello_and_ends_with_its_input() {
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let address = server.next_address();
        let mut client = peer.start_client(&["drive"]);
        client.say_hello().expect("a reader");
        let hello: Value = parse(client.next_line());
        assert_eq!(hello["hello"]["protocol"], 2, "{name}");
        let features: Vec<&str> = hello["hello"]["features"]
            .as_array()
            .expect("features")
            .iter()
            .map(|feature| feature.as_str().expect("a name"))
            // Not every library can.
            .filter(|feature| !["mixed-compression", "service-config"].contains(feature))
            .collect();
        assert_eq!(features, FEATURES, "{name}");
        assert_eq!(hello["hello"]["max_in_flight"], 256, "{name}");

        client.write_line(&call_line(&address)).expect("a reader");
        client.stdin = None;
        let answer: Value = parse(client.next_line());
        let result = &answer["result"];
        assert_eq!(result["id"], 7, "{name}");
        assert_eq!(result["messages"], json!(["", "CAEQAQ==", "CAEQAg=="]), "{name}");
        assert_eq!(result["status"], json!({ "code": 0, "message": "", "details": "" }), "{name}");
        assert_eq!(client.wait(), Ended::silently(0), "{name}");
    }
}

/// Asks `client drive` for the stream of the first three elements.
fn call_line(target: &str) -> String {
    let call = json!({ "call": {
        "id": 7,
        "case": "a/case",
        "target": target,
        "method": "FibonacciService/StreamSequence",
        "send": [{ "message": "CAM=" }, { "half_close": true }],
        "timeout_ms": HANG_LIMIT.as_millis() as u64,
    } });
    call.to_string()
}

fn parse(line: Option<String>) -> Value {
    serde_json::from_str(&line.expect("a line")).expect("JSON")
}
