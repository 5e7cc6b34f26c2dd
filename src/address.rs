//! Addresses as people write them: `HOST:PORT`, or `unix:PATH`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// A host, which is a name or an IP address, and a port.
///
/// Nothing is looked up: that the text has the form of an address does not mean
/// that anything is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    host: String,
    port: u16,
}

/// The text has not the form `HOST:PORT`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not an address; give HOST:PORT")]
pub struct NotAnAddress;

impl Address {
    /// The host and port, as the standard library's socket functions take them.
    pub fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether the host is the address of IPv6's own loopback.
    pub fn is_ipv6_loopback(&self) -> bool {
        self.host.parse() == Ok(Ipv6Addr::LOCALHOST)
    }

    /// Whether the host is `localhost`, which stands for the loopback of both
    /// IPv4 and IPv6.
    pub fn is_localhost(&self) -> bool {
        self.host == "localhost"
    }

    /// The same port of another host.
    pub fn on_host(&self, host: impl Into<IpAddr>) -> Self {
        Self { host: host.into().to_string(), port: self.port }
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAnAddress)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match bracketed {
            Some(host) => host.parse::<Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
        // `u16` alone would take "+80".
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        if !is_host || !is_port {
            return Err(NotAnAddress);
        }
        Ok(Self {
            host: bracketed.unwrap_or(host).to_owned(),
            port: port.parse().map_err(|_| NotAnAddress)?,
        })
    }
}

/// Where a server listens: at an address, or at a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A host and a port.
    Tcp(Address),
    /// The path of a socket.
    Unix(PathBuf),
}

/// How the name of a Unix socket begins, as in gRPC's names of targets.
const UNIX: &str = "unix:";

impl Place {
    /// A Unix socket as gRPC names it.
    pub fn unix_name(path: &Path) -> String {
        format!("{UNIX}{}", path.display())
    }
}

impl FromStr for Place {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        match text.strip_prefix(UNIX) {
            // The form with an empty authority: `unix:///path`.
            Some(path) => match path.strip_prefix("//").unwrap_or(path) {
                path if path.starts_with('/') => Ok(Self::Unix(path.into())),
                _ => Err(NotAnAddress),
            },
            None => text.parse().map(Self::Tcp),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => formatter.write_str(&Self::unix_name(path)),
        }
    }
}

fn is_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(is_allowed)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_they_were_written() {
        let table = ["127.0.0.1:9999", "localhost:0", "[::1]:65535", "my-host.example_1:1"];
        for text in table {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let table = [
            "",
            "abc",
            ":9999",
            "host:",
            "host:65536",
            "host:+80",
            "host:http",
            "::1:80",
            "[::1]",
            "[::1:80",
            "[host]:80",
            "ho st:80",
            "host/path:80",
            "user@host:80",
        ];
        for text in table {
            assert_eq!(text.parse::<Address>(), Err(NotAnAddress), "{text:?}");
        }
    }

    #[test]
    fn a_unix_socket_is_told_from_a_host() {
        for (text, shown) in [
            ("unix:/tmp/a.sock", "unix:/tmp/a.sock"),
            ("unix:///tmp/a.sock", "unix:/tmp/a.sock"),
            ("unix.example:80", "unix.example:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(text.parse::<Place>().expect(text).to_string(), shown);
        }
        for text in ["unix:", "unix://", "unix:relative", "unixsocket"] {
            assert_eq!(text.parse::<Place>(), Err(NotAnAddress), "{text:?}");
        }
    }
}
