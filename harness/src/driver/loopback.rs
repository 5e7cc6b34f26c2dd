//! Where a server may say that it listens: on loopback, and by number. Its word must not
//! send traffic elsewhere, nor have a name looked up.

use std::{fs, net::SocketAddr};

use crate::text::{printable, shorten};

/// How much of what a server says instead is quoted. An address is shorter.
const QUOTED_CHARACTERS: usize = 80;

/// What is allowed, for whoever is told that something else is not.
const ALLOWED: &str =
    "a ready line names loopback by number, 127.0.0.0/8 or [::1], such as 127.0.0.1:50051";

/// The state of a socket that listens, in `/proc/net/tcp` (`TCP_LISTEN`).
const LISTENS: &str = "0A";

/// Reads the address of a ready line.
///
/// # Errors
/// It is another address than one of loopback, or none by number; in words that quote it
/// and say what is allowed.
pub(super) fn announced(text: &str) -> Result<SocketAddr, String> {
    let problem = match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => "has no port",
        Ok(address) if address.ip().is_loopback() => return Ok(address),
        Ok(_) => "is not on loopback",
        Err(_) if text.starts_with("unix:") => "is a Unix socket, which is not supported yet",
        Err(_) => "is no IP address with a port",
    };
    let quoted = shorten(&printable(text), QUOTED_CHARACTERS);
    Err(format!("`{quoted}` {problem}; {ALLOWED}"))
}

/// Whether who listens on this port of loopback listens on all interfaces. Linux tells,
/// in `/proc`; elsewhere it is not known.
pub(super) fn is_open_to_all(port: u16) -> bool {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let table = fs::read_to_string(table).unwrap_or_default();
        table.lines().any(|socket| listens_everywhere(socket, port))
    })
}

/// Whether a line of the table is of a socket that listens on this port, whatever the
/// interface: `0: 00000000:1F90 00000000:0000 0A …`.
fn listens_everywhere(socket: &str, port: u16) -> bool {
    let mut fields = socket.split_whitespace().skip(1);
    let (Some(local), Some(_remote), Some(state)) = (fields.next(), fields.next(), fields.next())
    else {
        return false;
    };
    state == LISTENS
        && local.split_once(':').is_some_and(|(address, its_port)| {
            address.bytes().all(|digit| digit == b'0')
                && u16::from_str_radix(its_port, 16) == Ok(port)
        })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn loopback_by_number_is_all_that_may_be_announced() {
        for text in ["127.0.0.1:1", "127.77.0.1:65535", "[::1]:50051"] {
            assert_eq!(announced(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
        for (text, problem) in [
            ("localhost:50051", "is no IP address with a port"),
            ("example.com:80", "is no IP address with a port"),
            ("127.0.0.1", "is no IP address with a port"),
            ("::1:50051", "is no IP address with a port"),
            ("2130706433:80", "is no IP address with a port"),
            ("127.1:80", "is no IP address with a port"),
            ("", "is no IP address with a port"),
            ("127.0.0.1:0", "has no port"),
            ("192.0.2.7:8000", "is not on loopback"),
            ("0.0.0.0:8000", "is not on loopback"),
            ("169.254.169.254:80", "is not on loopback"),
            ("[::]:8000", "is not on loopback"),
            ("[2001:db8::7]:8000", "is not on loopback"),
            ("[fe80::1%2]:8000", "is not on loopback"),
            ("[::ffff:127.0.0.1]:80", "is not on loopback"),
            ("[::ffff:192.0.2.7]:80", "is not on loopback"),
            ("unix:/run/server.sock", "is a Unix socket, which is not supported yet"),
        ] {
            let words = format!("`{text}` {problem}; {ALLOWED}");
            assert_eq!(announced(text), Err(words), "{text}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_socket_on_all_interfaces_is_told_from_one_on_loopback() {
        for (host, expected) in [("127.0.0.1", false), ("0.0.0.0", true), ("::", true)] {
            // A machine may have no IPv6.
            let Ok(socket) = TcpListener::bind((host, 0)) else { continue };
            let port = socket.local_addr().unwrap().port();
            assert_eq!(is_open_to_all(port), expected, "{host}");
            drop(socket);
            assert!(!is_open_to_all(port), "{host}, closed");
        }
    }
}
