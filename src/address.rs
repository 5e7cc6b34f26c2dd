//! Addresses as people write them: `HOST:PORT`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
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
}
