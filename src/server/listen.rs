use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;
use tokio::net::{TcpListener, UnixListener, lookup_host};

use crate::address::{Address, Place};
use crate::words::reason;

/// The article's port and the tutorial's, so that the programs of both find
/// their server here.
const DEFAULT_ADDRESSES: [&str; 4] =
    ["127.0.0.1:9999", "[::1]:9999", "127.0.0.1:50051", "[::1]:50051"];

/// An address cannot be listened on.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another program has the address.
    #[error(
        "cannot listen on {0}: address already in use; \
         stop the program that has it, or name another with --listen"
    )]
    Taken(Place),
    /// The host is a name that nobody knows.
    #[error("cannot listen on {0}: unknown host; name another with --listen")]
    UnknownHost(Address),
    /// The operating system refuses for another reason.
    #[error("cannot listen on {address}: {}; name another with --listen", reason(source))]
    Refused {
        /// The address that was asked for.
        address: Place,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A place where the server listens.
#[derive(Debug)]
pub enum Listener {
    /// At a port.
    Tcp(TcpListener),
    /// At a Unix socket.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, which goes with its listener.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Who has taken it away already has done no harm.
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Where it listens, by number.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn address(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            Self::Unix(_, SocketFile(path)) => Ok(Place::unix_name(path)),
        }
    }
}

/// What [`bind_defaults`] found.
#[derive(Debug)]
pub struct Bound {
    /// A listener for each address that could be bound, in order.
    pub listeners: Vec<Listener>,
    /// The addresses left out, because the machine has no IPv6.
    pub without_ipv6: Vec<Address>,
}

/// Listens on every address, in order. Port 0 takes a free one.
///
/// # Errors
///
/// [`ListenError`] for the first address that cannot be bound.
pub async fn bind(places: &[Place]) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::with_capacity(places.len());
    for place in places {
        listeners.push(match place {
            Place::Tcp(address) => Listener::Tcp(bind_one(address).await?),
            Place::Unix(path) => bind_socket(path)?,
        });
    }
    Ok(listeners)
}

/// Listens on ports 9999 and 50051 of loopback, on IPv4, and on IPv6 if the
/// machine has it.
///
/// # Errors
///
/// [`ListenError`] for the first address that cannot be bound.
pub async fn bind_defaults() -> Result<Bound, ListenError> {
    let has_ipv6 = TcpListener::bind("[::1]:0").await.is_ok();
    let (addresses, without_ipv6) = default_addresses(has_ipv6);
    let places: Vec<Place> = addresses.into_iter().map(Place::Tcp).collect();
    Ok(Bound { listeners: bind(&places).await?, without_ipv6 })
}

/// Those to listen on, and those left out.
fn default_addresses(has_ipv6: bool) -> (Vec<Address>, Vec<Address>) {
    DEFAULT_ADDRESSES
        .map(|text| text.parse().expect("the defaults are addresses"))
        .into_iter()
        .partition(|address: &Address| has_ipv6 || !address.is_ipv6_loopback())
}

/// Neither tokio nor the standard library sets SO_REUSEPORT, under which a
/// second server would silently share the port.
async fn bind_one(address: &Address) -> Result<TcpListener, ListenError> {
    let found = look_up(address).await?;
    TcpListener::bind(found).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(Place::Tcp(address.clone())),
        _ => ListenError::Refused { address: Place::Tcp(address.clone()), source },
    })
}

/// A file that is there already is another server's, or what one has left: who starts this one
/// knows.
fn bind_socket(path: &Path) -> Result<Listener, ListenError> {
    let place = || Place::Unix(path.to_owned());
    let listener = UnixListener::bind(path).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(place()),
        _ => ListenError::Refused { address: place(), source },
    })?;
    Ok(Listener::Unix(listener, SocketFile(path.to_owned())))
}

/// The first IPv4 address of the host, or else its first address.
async fn look_up(address: &Address) -> Result<SocketAddr, ListenError> {
    let found = lookup_host(address.socket()).await.into_iter().flatten();
    found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| ListenError::UnknownHost(address.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_noticed() {
        let first = bind(&["127.0.0.1:0".parse().expect("an address")]).await.expect("a free port");
        let taken = first[0].address().expect("an address");

        let error =
            bind(&[taken.parse().expect("an address")]).await.expect_err("the port is taken");

        let expected = format!(
            "cannot listen on {taken}: address already in use; \
             stop the program that has it, or name another with --listen"
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn other_reasons_are_put_in_lower_case() {
        let error = ListenError::Refused {
            address: "192.0.2.1:80".parse().expect("an address"),
            source: io::Error::from_raw_os_error(13),
        };
        assert_eq!(
            error.to_string(),
            "cannot listen on 192.0.2.1:80: permission denied; name another with --listen"
        );
    }

    #[test]
    fn without_ipv6_its_default_addresses_are_left_out() {
        let (addresses, without_ipv6) = default_addresses(false);
        let texts = |addresses: Vec<Address>| addresses.iter().map(Address::to_string).collect();
        let [addresses, without_ipv6]: [Vec<String>; 2] = [addresses, without_ipv6].map(texts);
        assert_eq!(addresses, ["127.0.0.1:9999", "127.0.0.1:50051"]);
        assert_eq!(without_ipv6, ["[::1]:9999", "[::1]:50051"]);
    }
}
