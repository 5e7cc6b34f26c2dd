//! What the client prints, and how it ends.

use std::io::Write as _;
use std::net::{TcpListener, ToSocketAddrs as _};
use std::thread;

use serde_json::{Value, json};

use crate::peers::{Ended, HANG_LIMIT, peers};

#[test]
fn answers_are_printed() {
    let table: [(&[&str], &str); 14] = [
        (&["detect", "1", "2", "100", "1", "3", "200", "1"], "outliers at: [5]\n"),
        (&["detect", "--dummy"], "outliers at: [7 113 835]\n"),
        (&["detect", "1"], "outliers at: []\n"),
        (&["detect", "-1", "-2.5e3", "nan", "inf"], "outliers at: []\n"),
        (&["detect", "0", "0", "0", "0", "-INF", "Infinity"], "outliers at: []\n"),
        (&["detect", "--", "0", "0", "0", "0", "0", "-.5"], "outliers at: [5]\n"),
        (&["detect", "-1", "0", "0", "0", "0", "0", "0", "0", "0"], "outliers at: [0]\n"),
        (&["sequence", "5"], "sequence: [0 1 1 2 3]\n"),
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
        assert_eq!((stream.stderr.as_str(), stream.code), (error, Some(1)), "{name}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let calls: [&[&str]; 3] = [&["detect", "1"], &["sequence", "1"], &["stream", "1"]];
    for peer in peers() {
        for call in calls {
            let arguments = [call, &["--addr", &address]].concat();
            let expected = format!(
                "client: UNAVAILABLE: no gRPC server answers at {address}; \
                 start one, or name another with --addr"
            );
            let ended = peer.run_client(&arguments);
            assert_eq!(ended, Ended::with_error(1, &expected), "{}: {call:?}", peer.name);
        }
    }
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

/// Whichever of the name's addresses answers is taken.
#[test]
fn localhost_is_found_on_ipv4_and_on_ipv6() {
    let known = || ("localhost", 0).to_socket_addrs().expect("localhost is known");
    for peer in peers() {
        for host in ["127.0.0.1", "::1"] {
            if !known().any(|address| address.ip().to_string() == host) {
                println!("not tested: localhost is not {host} on this machine");
                continue;
            }
            let listen = if host == "::1" { "[::1]:0" } else { "127.0.0.1:0" };
            let mut server = peer.start_server(&["--listen", listen]);
            let address = server.next_address();
            let (_, port) = address.rsplit_once(':').expect("a port");
            let ended = peer.run_client(&["sequence", "2", "--addr", &format!("localhost:{port}")]);
            assert_eq!(ended, Ended::with_output("sequence: [0 1]\n"), "{}: {host}", peer.name);
        }
    }
}

/// As in `client stream 93 | head -n 1`.
#[test]
fn a_reader_that_goes_away_hears_nothing() {
    for peer in peers() {
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let address = server.next_address();
        let ended = peer.run_client_unread(&["stream", "93", "--addr", &address]);
        assert_eq!(ended, Ended::with_output(""), "{}", peer.name);
    }
}

#[test]
fn drive_says_hello_and_ends_with_its_input() {
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let call = json!({ "call": {
            "id": 7,
            "case": "a/case",
            "target": server.next_address(),
            "method": "FibonacciService/StreamSequence",
            "request": "CAM=",
            "timeout_ms": HANG_LIMIT.as_millis() as u64,
        } });
        let mut client = peer.start_client(&["drive"]);
        let mut stdin = client.stdin.take().expect("stdin is a pipe");

        writeln!(stdin, r#"{{"hello":{{"protocol":1}}}}"#).expect("a reader");
        let hello: Value = parse(client.next_line());
        assert_eq!(hello["hello"]["protocol"], 1, "{name}");
        assert_eq!(hello["hello"]["features"], json!(["cancel", "gzip", "raw"]), "{name}");
        assert_eq!(hello["hello"]["max_in_flight"], 256, "{name}");

        writeln!(stdin, "{call}").expect("a reader");
        drop(stdin);
        let answer: Value = parse(client.next_line());
        let result = &answer["result"];
        assert_eq!(result["id"], 7, "{name}");
        assert_eq!(result["messages"], json!(["", "CAEQAQ==", "CAEQAg=="]), "{name}");
        assert_eq!(result["status"], json!({ "code": 0, "message": "", "details": "" }), "{name}");
        assert_eq!(client.wait().code(), Some(0), "{name}");
    }
}

fn parse(line: Option<String>) -> Value {
    serde_json::from_str(&line.expect("a line")).expect("JSON")
}
