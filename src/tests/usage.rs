//! What is said of a command line that asks for help, or makes no sense.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::peers::{Ended, peers};

const SERVER_HELP: &str = "\
Usage: server [--listen ADDRESS]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen ADDRESS      HOST:PORT or unix:PATH to listen on; may be given more than once; port 0 takes a free one
                        [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --max-age MS          Let no connection take calls that is older than this, in milliseconds
  --max-age-grace MS    Close it so long after that, whatever runs on it
  --keepalive MS        Send a PING on a connection that has been silent for so long
  --keepalive-wait MS   Close it if no answer comes within this
  --ping-interval MS    Take a client's PINGs as often as this, also while no call runs
  --tls-cert FILE       Serve TLS with this certificate chain (PEM); needs --tls-key
  --tls-key FILE        The certificate's private key (PEM)
  --tls-client-ca FILE  Ask every client for a certificate that this CA has signed (PEM)
  --help                Print this help
";

const CLIENT_HELP: &str = "\
Usage: client detect [--addr HOST:PORT] (VALUE... | --dummy)
       client sequence [--addr HOST:PORT] COUNT
       client stream [--addr HOST:PORT] COUNT
       client drive

Commands:
  detect    Ask which values lie more than two standard deviations from the mean
  sequence  Ask for the first COUNT Fibonacci numbers
  stream    The same, one line an element as it arrives
  drive     Make the calls that stand on stdin (docs/peer-protocol.md)

Options:
  --addr HOST:PORT  Server to call [default: localhost:9999 for detect, localhost:50051 for the others]
  --dummy           Send the article's 1,000 metrics instead of values
  --help            Print this help
";

#[test]
fn help_wins_wherever_it_stands() {
    let server_calls: [&[&str]; 4] =
        [&["--help"], &["x", "--help"], &["--listen", "--help"], &["--help", "--foo", "--"]];
    let client_calls: [&[&str]; 9] = [
        &["--help"],
        &["detect", "--help"],
        &["sequence", "--help"],
        &["stream", "10", "--help"],
        &["drive", "--help"],
        &["foo", "--help"],
        &["--foo", "--help"],
        &["--addr", "--help"],
        &["--help", "detect", "abc", "--dummy=x"],
    ];
    for peer in peers() {
        let name = &peer.name;
        for call in server_calls {
            let ended = of_all(peer.run_server(call));
            assert_eq!(ended, Ended::with_output(SERVER_HELP), "{name}: {call:?}");
        }
        for call in client_calls {
            let ended = of_all(peer.run_client(call));
            assert_eq!(ended, Ended::with_output(CLIENT_HELP), "{name}: {call:?}");
        }
    }
}

/// The Rust peer alone has layers that can be left off, and tonic alone has no limit for idle
/// connections; all else is the same everywhere.
fn of_all(ended: Ended) -> Ended {
    let text = ended.stdout.replace("[--plain] ", "").replace(" [--plain]", "");
    let lines = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("  --plain ") && !line.starts_with("  --max-idle "));
    Ended { stdout: lines.collect(), ..ended }
}

#[test]
fn server_names_what_is_wrong_with_its_command_line() {
    let no_address = |text: &str| {
        format!("--listen \"{text}\": not an address; give HOST:PORT, such as 127.0.0.1:9999")
    };
    let unexpected =
        |argument: &str| format!("unexpected argument \"{argument}\"; see server --help");
    let says = str::to_owned;
    let half = "--tls-cert and --tls-key go together";
    let table: [(&[&str], String); 26] = [
        (&["--tls-cert", "a"], says(half)),
        (&["--tls-key=a"], says(half)),
        (&["--tls-cert", "a", "--tls-client-ca", "b"], says(half)),
        (&["--tls-client-ca", "a"], says("--tls-client-ca needs --tls-cert and --tls-key")),
        (&["--tls-cert"], says("--tls-cert needs a value; see server --help")),
        (&["--tls-key", "--tls-cert"], says("--tls-key needs a value; see server --help")),
        (&["--tls-cert", "a", "--listen", "abc"], no_address("abc")),
        (&["--listen", "abc"], no_address("abc")),
        (&["--listen=abc"], no_address("abc")),
        (&["--listen="], no_address("")),
        (&["--listen=--x"], no_address("--x")),
        (&["--listen", "127.0.0.1:65536"], no_address("127.0.0.1:65536")),
        (&["--listen", "::1:80"], no_address("::1:80")),
        (&["--listen", "[1.2.3.4]:80"], no_address("[1.2.3.4]:80")),
        (&["--listen", "[::1%lo]:80"], no_address("[::1%lo]:80")),
        (&["--listen", ":80"], no_address(":80")),
        (&["--listen"], says("--listen needs a value; see server --help")),
        (&["--listen", "--x"], says("--listen needs a value; see server --help")),
        (&["--foo"], says("unknown option --foo; see server --help")),
        (&["--foo=bar"], says("unknown option --foo; see server --help")),
        (&["--help=x"], says("--help takes no value; see server --help")),
        (&["x"], unexpected("x")),
        (&["-x"], unexpected("-x")),
        (&["--", "--help"], unexpected("--help")),
        // Options are looked at first, and addresses last.
        (&["x", "--foo"], says("unknown option --foo; see server --help")),
        (&["--listen", "abc", "x"], unexpected("x")),
    ];
    for peer in peers() {
        for (arguments, expected) in &table {
            let expected = Ended::with_error(2, &format!("server: {expected}"));
            assert_eq!(peer.run_server(arguments), expected, "{}: {arguments:?}", peer.name);
        }
    }
}

#[test]
fn client_names_what_is_wrong_with_its_options() {
    let no_address = |text: &str| {
        format!("--addr \"{text}\": not an address; give HOST:PORT, such as localhost:9999")
    };
    let unknown = |option: &str| format!("unknown option {option}; see client --help");
    let says = str::to_owned;
    let table: [(&[&str], String); 28] = [
        (&["--foo"], unknown("--foo")),
        (&["--foo=bar"], unknown("--foo")),
        (&["--=x"], unknown("--")),
        (&["detect", "--foo", "1"], unknown("--foo")),
        (&["detect", "1", "--foo"], unknown("--foo")),
        (&["sequence", "--foo", "1"], unknown("--foo")),
        (&["sequence", "--dummy", "1"], unknown("--dummy")),
        (&["drive", "--addr", "localhost:9999"], unknown("--addr")),
        (&["drive", "--dummy", "--addr=abc"], unknown("--dummy")),
        (&["detect", "--dummy=x"], says("--dummy takes no value; see client --help")),
        (&["sequence", "--dummy=", "1"], says("--dummy takes no value; see client --help")),
        (&["detect", "--help=x"], says("--help takes no value; see client --help")),
        (&["detect", "1", "--addr"], says("--addr needs a value; see client --help")),
        (&["sequence", "1", "--addr"], says("--addr needs a value; see client --help")),
        (&["sequence", "--addr", "--x", "1"], says("--addr needs a value; see client --help")),
        (&["detect", "--addr", "--dummy"], says("--addr needs a value; see client --help")),
        (&["sequence", "--addr", "--", "1"], says("--addr needs a value; see client --help")),
        (&["detect", "--addr", "abc", "1"], no_address("abc")),
        (&["detect", "1", "--addr=abc"], no_address("abc")),
        (&["stream", "--addr", "localhost:http", "1"], no_address("localhost:http")),
        (&["stream", "--addr", "user@host:80", "1"], no_address("user@host:80")),
        (&["stream", "--addr", "", "1"], no_address("")),
        (&["stream", "--addr", "-1", "1"], no_address("-1")),
        (&["stream", "--addr=--x", "1"], no_address("--x")),
        (&["stream", "--addr", "abc", "--addr", "localhost:1", "1"], no_address("abc")),
        // Options are looked at first, then the command, the address, the values.
        (&["foo", "--bar"], unknown("--bar")),
        (&["detect", "--addr", "abc", "--dummy", "1"], no_address("abc")),
        (&["sequence", "--addr", "abc", "x"], no_address("abc")),
    ];
    assert_client_refuses(&table);
}

#[test]
fn client_names_what_is_wrong_with_its_values() {
    let no_number = |text: &str| {
        format!("\"{text}\" is not a number; give decimal numbers, such as 1 2.5 -3e4")
    };
    let no_count =
        |text: &str| format!("\"{text}\" is not a count; give a whole number, such as 10");
    let no_command = "no command; one of detect, sequence, stream, drive";
    let unknown =
        |name: &str| format!("unknown command \"{name}\"; one of detect, sequence, stream, drive");
    let no_values = "detect: no values; give some, such as 1 2 100, or --dummy";
    let says = str::to_owned;
    let table: [(&[&str], String); 42] = [
        (&[], says(no_command)),
        (&["--"], says(no_command)),
        (&["--addr", "abc"], says(no_command)),
        (&["foo"], unknown("foo")),
        (&[""], unknown("")),
        (&["-x"], unknown("-x")),
        (&["--", "--help"], unknown("--help")),
        (&["foo", "--addr", "abc"], unknown("foo")),
        (&["detect"], says(no_values)),
        (&["detect", "--"], says(no_values)),
        (&["detect", "--dummy", "1"], says("detect: --dummy and values exclude each other")),
        (&["detect", "x", "--dummy"], says("detect: --dummy and values exclude each other")),
        (&["detect", "1", "abc"], no_number("abc")),
        (&["detect", "-x"], no_number("-x")),
        (&["detect", "--", "--dummy"], no_number("--dummy")),
        (&["detect", ""], no_number("")),
        (&["detect", "."], no_number(".")),
        (&["detect", "+-1"], no_number("+-1")),
        (&["detect", "1e"], no_number("1e")),
        (&["detect", "1_000"], no_number("1_000")),
        (&["detect", " 1"], no_number(" 1")),
        (&["detect", "0x10"], no_number("0x10")),
        (&["detect", "0x1p3"], no_number("0x1p3")),
        (&["detect", "1e999"], no_number("1e999")),
        (&["detect", "-1e999"], no_number("-1e999")),
        (&["detect", "infinit"], no_number("infinit")),
        (&["detect", "nan(1)"], no_number("nan(1)")),
        (&["detect", "٣"], no_number("٣")),
        (&["sequence"], says("sequence: no count; give a whole number, such as 10")),
        (&["stream"], says("stream: no count; give a whole number, such as 10")),
        (&["sequence", "1", "2"], says("sequence: one count only")),
        (&["stream", "1", "x"], says("stream: one count only")),
        (&["sequence", "abc"], no_count("abc")),
        (&["stream", "1.5"], no_count("1.5")),
        (&["stream", "1e3"], no_count("1e3")),
        (&["sequence", "+"], no_count("+")),
        (&["sequence", "٣"], no_count("٣")),
        (&["sequence", "9223372036854775808"], no_count("9223372036854775808")),
        (&["sequence", "-9223372036854775809"], no_count("-9223372036854775809")),
        (&["drive", "x"], says("unexpected argument \"x\"; see client --help")),
        (&["drive", "-x"], says("unexpected argument \"-x\"; see client --help")),
        (&["drive", "--", "--addr"], says("unexpected argument \"--addr\"; see client --help")),
    ];
    assert_client_refuses(&table);
}

fn assert_client_refuses(table: &[(&[&str], String)]) {
    for peer in peers() {
        for (arguments, expected) in table {
            let expected = Ended::with_error(2, &format!("client: {expected}"));
            assert_eq!(peer.run_client(arguments), expected, "{}: {arguments:?}", peer.name);
        }
    }
}

/// What an error repeats stays on its line, steers no terminal, and shows where
/// it ends.
#[test]
fn hostile_text_is_escaped() {
    let in_quotes: [(&[u8], &str); 5] = [
        (b"a\n\t\r", r"a\n\t\r"),
        (b"\x1b[31m\x7f", r"\u{1b}[31m\u{7f}"),
        (b"\"\\n", r#"\"\\n"#),
        ("é\u{85}\u{202e}\u{feff}".as_bytes(), r"é\u{85}\u{202e}\u{feff}"),
        (b"a\xffb\xe2\x82", "a\u{fffd}b\u{fffd}\u{fffd}"),
    ];
    let option = "client: unknown option --\\u{1b}\u{fffd}\\n; see client --help";
    for peer in peers() {
        let name = &peer.name;
        for (bytes, shown) in in_quotes {
            let text = OsStr::from_bytes(bytes);
            let expected = format!(
                "client: \"{shown}\" is not a number; give decimal numbers, such as 1 2.5 -3e4"
            );
            let ended = peer.run_client(&[OsStr::new("detect"), text]);
            assert_eq!(ended, Ended::with_error(2, &expected), "{name}");

            let expected = format!("server: unexpected argument \"{shown}\"; see server --help");
            assert_eq!(peer.run_server(&[text]), Ended::with_error(2, &expected), "{name}");
        }
        let ended = peer.run_client(&[OsStr::from_bytes(b"--\x1b\xff\n=x")]);
        assert_eq!(ended, Ended::with_error(2, option), "{name}");
    }
}
