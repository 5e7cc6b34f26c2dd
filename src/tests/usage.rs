//! What is said of a command line that asks for help, or makes no sense.

use crate::peers::{Ended, peers};

const SERVER_HELP: &str = "\
Usage: server [--listen HOST:PORT]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen HOST:PORT  Address to listen on; may be given more than once; port 0 takes a free one
                      [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --help              Print this help
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
fn help_is_the_same_everywhere() {
    let client_calls: [&[&str]; 5] = [
        &["--help"],
        &["detect", "--help"],
        &["sequence", "--help"],
        &["stream", "10", "--help"],
        &["drive", "--help"],
    ];
    for peer in peers() {
        let name = &peer.name;
        assert_eq!(peer.run_server(&["--help"]), Ended::with_output(SERVER_HELP), "{name}");
        for call in client_calls {
            assert_eq!(peer.run_client(call), Ended::with_output(CLIENT_HELP), "{name}: {call:?}");
        }
    }
}

#[test]
fn server_names_what_is_wrong_with_its_command_line() {
    let not_an_address = |text: &str| {
        format!(
            "server: --listen \"{text}\": not an address; give HOST:PORT, such as 127.0.0.1:9999"
        )
    };
    let table: [(&[&str], String); 9] = [
        (&["--listen", "abc"], not_an_address("abc")),
        (&["--listen=abc"], not_an_address("abc")),
        (&["--listen", "127.0.0.1:65536"], not_an_address("127.0.0.1:65536")),
        (&["--listen", "::1:80"], not_an_address("::1:80")),
        (&["--listen", ":80"], not_an_address(":80")),
        (&["--listen"], "server: --listen needs a value; see server --help".to_owned()),
        (&["--foo"], "server: unknown option --foo; see server --help".to_owned()),
        (&["x"], "server: unexpected argument \"x\"; see server --help".to_owned()),
        (&["-x"], "server: unexpected argument \"-x\"; see server --help".to_owned()),
    ];
    for peer in peers() {
        for (arguments, expected) in &table {
            let expected = Ended::with_error(2, expected);
            assert_eq!(peer.run_server(arguments), expected, "{}: {arguments:?}", peer.name);
        }
    }
}

#[test]
fn client_names_what_is_wrong_with_its_command_line() {
    let no_number = |text: &str| {
        format!("\"{text}\" is not a number; give decimal numbers, such as 1 2.5 -3e4")
    };
    let no_count =
        |text: &str| format!("\"{text}\" is not a count; give a whole number, such as 10");
    let no_address = |text: &str| {
        format!("--addr \"{text}\": not an address; give HOST:PORT, such as localhost:9999")
    };
    let says = str::to_owned;
    let table: [(&[&str], String); 34] = [
        (&[], says("no command; one of detect, sequence, stream, drive")),
        (&["foo"], says("unknown command \"foo\"; one of detect, sequence, stream, drive")),
        (&["--foo"], says("unknown option --foo; see client --help")),
        (&["detect", "--foo", "1"], says("unknown option --foo; see client --help")),
        (&["detect", "1", "--foo"], says("unknown option --foo; see client --help")),
        (&["sequence", "--foo", "1"], says("unknown option --foo; see client --help")),
        (&["sequence", "--dummy", "1"], says("unknown option --dummy; see client --help")),
        (&["detect", "1", "--addr"], says("--addr needs a value; see client --help")),
        (&["sequence", "1", "--addr"], says("--addr needs a value; see client --help")),
        (&["detect", "--addr", "abc", "1"], no_address("abc")),
        (&["detect", "1", "--addr=abc"], no_address("abc")),
        (&["stream", "--addr", "localhost:http", "1"], no_address("localhost:http")),
        (&["stream", "--addr", "", "1"], no_address("")),
        (&["detect"], says("detect: no values; give some, such as 1 2 100, or --dummy")),
        (&["detect", "--"], says("detect: no values; give some, such as 1 2 100, or --dummy")),
        (&["detect", "--dummy", "1"], says("detect: --dummy and values exclude each other")),
        (&["detect", "1", "--dummy"], says("detect: --dummy and values exclude each other")),
        (&["detect", "1", "abc"], no_number("abc")),
        (&["detect", "-x"], no_number("-x")),
        (&["detect", "--", "--dummy"], no_number("--dummy")),
        (&["detect", ""], no_number("")),
        (&["detect", "1_000"], no_number("1_000")),
        (&["detect", " 1"], no_number(" 1")),
        (&["detect", "0x10"], no_number("0x10")),
        (&["detect", "0x1p3"], no_number("0x1p3")),
        (&["detect", "1e999"], no_number("1e999")),
        (&["detect", "-1e999"], no_number("-1e999")),
        (&["sequence"], says("sequence: no count; give a whole number, such as 10")),
        (&["stream"], says("stream: no count; give a whole number, such as 10")),
        (&["sequence", "1", "2"], says("sequence: one count only")),
        (&["stream", "1", "2"], says("stream: one count only")),
        (&["sequence", "abc"], no_count("abc")),
        (&["stream", "1.5"], no_count("1.5")),
        (&["sequence", "9223372036854775808"], no_count("9223372036854775808")),
    ];
    for peer in peers() {
        for (arguments, expected) in &table {
            let expected = Ended::with_error(2, &format!("client: {expected}"));
            assert_eq!(peer.run_client(arguments), expected, "{}: {arguments:?}", peer.name);
        }
    }
}
