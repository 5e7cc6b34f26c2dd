//! TLS that passes unread: how much there is, and what the client asks for in the
//! one message of it that is plain (RFC 8446, section 4.1.2).

use std::{fmt, io::Cursor};

use tokio_rustls::rustls::server::Acceptor;

use super::transcript::Pair;
use crate::role::Role;

/// The header of a record: its type, its version, its length.
const HEADER_BYTES: usize = 5;

/// What was seen of an encrypted connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opaque {
    /// Its number, counted from 0 for each tap.
    pub number: u64,
    /// How many bytes passed.
    pub bytes: Pair<u64>,
    /// How many records they were.
    pub records: Pair<u64>,
    /// The name that the client wants to reach (SNI).
    pub server_name: Option<String>,
    /// The protocols that the client offers (ALPN).
    pub alpn: Vec<Vec<u8>>,
}

impl fmt::Display for Opaque {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, records, server_name, alpn, .. } = self;
        write!(
            formatter,
            "TLS, not read: {} bytes in {} records from the client, {} in {} from the server",
            bytes.client, records.client, bytes.server, records.server
        )?;
        if let Some(name) = server_name {
            write!(formatter, "; it asks for `{name}`")?;
        }
        if !alpn.is_empty() {
            let names: Vec<String> =
                alpn.iter().map(|name| name.escape_ascii().to_string()).collect();
            write!(formatter, "; it offers {}", names.join(", "))?;
        }
        Ok(())
    }
}

/// Watches one encrypted connection.
pub struct Ciphertext {
    seen: Opaque,
    counters: Pair<Counter>,
    /// Reads the client's first message, until it is read or is none.
    hello: Option<Acceptor>,
}

impl Ciphertext {
    /// A connection of which nothing was seen yet.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let seen = Opaque { number, ..Opaque::default() };
        Self { seen, counters: Pair::default(), hello: Some(Acceptor::default()) }
    }

    /// Takes the next bytes of one side.
    pub fn bytes(&mut self, from: Role, bytes: &[u8]) {
        *self.seen.bytes.of_mut(from) += bytes.len() as u64;
        *self.seen.records.of_mut(from) += self.counters.of_mut(from).push(bytes);
        if from == Role::Client {
            self.hello(bytes);
        }
    }

    /// What was seen so far.
    #[must_use]
    pub const fn seen(&self) -> &Opaque {
        &self.seen
    }

    fn hello(&mut self, bytes: &[u8]) {
        let mut bytes = Cursor::new(bytes);
        while let Some(acceptor) = &mut self.hello {
            let has_more = acceptor.read_tls(&mut bytes).is_ok_and(|read| read > 0);
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    self.seen.server_name = hello.server_name().map(str::to_owned);
                    let offered = hello.alpn().into_iter().flatten();
                    self.seen.alpn = offered.map(<[u8]>::to_vec).collect();
                    self.hello = None;
                }
                Ok(None) if has_more => {}
                Ok(None) => return,
                // It is no TLS, or none that is known here.
                Err(_) => self.hello = None,
            }
        }
    }
}

/// Counts the records of one direction by their headers.
#[derive(Debug, Default)]
struct Counter {
    header: Vec<u8>,
    /// What is missing of a record whose header is whole.
    missing: usize,
}

impl Counter {
    /// How many records end with these bytes.
    fn push(&mut self, mut bytes: &[u8]) -> u64 {
        let mut ended = 0;
        while !bytes.is_empty() {
            if self.header.len() < HEADER_BYTES {
                let taken = (HEADER_BYTES - self.header.len()).min(bytes.len());
                self.header.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                let Some(&[_, _, _, a, b]) = self.header.first_chunk::<HEADER_BYTES>() else {
                    break;
                };
                self.missing = usize::from(u16::from_be_bytes([a, b]));
            }
            let taken = self.missing.min(bytes.len());
            self.missing -= taken;
            bytes = &bytes[taken..];
            if self.missing == 0 {
                self.header.clear();
                ended += 1;
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};

    use super::*;

    /// What a client sends first.
    fn hello() -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config =
            config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"x".to_vec()];
        let name = "localhost".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_clients_wishes_are_read_whatever_the_pieces() {
        let bytes = [hello(), vec![23, 3, 3, 0, 2, 7, 7], vec![23, 3, 3, 0, 1]].concat();
        for piece in [1, 7, bytes.len()] {
            let mut ciphertext = Ciphertext::new(3);
            bytes.chunks(piece).for_each(|piece| ciphertext.bytes(Role::Client, piece));
            ciphertext.bytes(Role::Server, &[22, 3, 3, 0, 0]);
            ciphertext.bytes(Role::Server, &[22]);
            let expected = Opaque {
                number: 3,
                bytes: Pair { client: bytes.len() as u64, server: 6 },
                // An empty record has ended once its header is there.
                records: Pair { client: 2, server: 1 },
                server_name: Some("localhost".to_owned()),
                alpn: vec![b"h2".to_vec(), b"x".to_vec()],
            };
            assert_eq!(ciphertext.seen(), &expected, "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_tls_is_counted() {
        let mut ciphertext = Ciphertext::new(0);
        ciphertext.bytes(Role::Client, b"PRI * HTTP/2.0\r\n\r\n");
        assert_eq!(ciphertext.seen().bytes.client, 18);
        assert_eq!(
            ciphertext.seen().to_string(),
            "TLS, not read: 18 bytes in 0 records from the client, 0 in 0 from the server"
        );
    }

    #[test]
    fn it_is_told_in_words() {
        let seen = Opaque {
            server_name: Some("localhost".to_owned()),
            alpn: vec![b"h2".to_vec(), b"\x1b".to_vec()],
            ..Opaque::default()
        };
        let text = seen.to_string();
        assert!(text.ends_with("; it asks for `localhost`; it offers h2, \\x1b"), "{text}");
    }
}
