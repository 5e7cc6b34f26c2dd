//! Where a server listens: at a TCP port, or at a Unix socket.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpStream, UnixStream, lookup_host},
    time::sleep,
};
use tokio_util::either::Either;

use crate::manifest::Over;

/// How the address of a Unix socket begins, as gRPC's names of targets have it. Two more
/// slashes may follow if the path is absolute.
const UNIX: &str = "unix:";

/// How often to try whether a full queue has a place.
const QUEUE_POLL: Duration = Duration::from_millis(5);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// What a name stands for was asked once. The first that accepts is taken.
    Tcp(Arc<[SocketAddr]>),
    Unix(Arc<Path>),
}

/// A connection to it.
pub type Stream = Either<TcpStream, UnixStream>;

impl Address {
    /// Reads `HOST:PORT`. A host's name is looked up.
    ///
    /// # Errors
    /// It has no meaning, or nobody knows the host.
    pub async fn find(text: &str) -> io::Result<Self> {
        let place = Place::Tcp(lookup_host(text).await?.collect());
        Ok(Self { text: text.to_owned(), place })
    }

    /// The port, if it has one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.place {
            Place::Tcp(addresses) => addresses.first().map(SocketAddr::port),
            Place::Unix(_) => None,
        }
    }

    /// Over what it is connected to.
    #[must_use]
    pub fn over(&self) -> Over {
        match &self.place {
            Place::Tcp(addresses) if addresses.iter().all(SocketAddr::is_ipv6) => Over::Ipv6,
            Place::Tcp(_) => Over::Ipv4,
            Place::Unix(_) => Over::Unix,
        }
    }

    /// Connects to it.
    ///
    /// # Errors
    /// Nobody accepts there.
    pub async fn connect(&self) -> io::Result<Stream> {
        match &self.place {
            Place::Tcp(addresses) => TcpStream::connect(&addresses[..]).await.map(Either::Left),
            Place::Unix(path) => loop {
                match UnixStream::connect(path).await {
                    // Its queue is full, where TCP would wait for a place in it.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        sleep(QUEUE_POLL).await;
                    }
                    done => return done.map(Either::Right),
                }
            },
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { text: address.to_string(), place: Place::Tcp([address].into()) }
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self { text: format!("{UNIX}{}", path.display()), place: Place::Unix(path.into()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The path of a Unix socket's address; `None` if it is another one's.
#[must_use]
pub fn unix_path(address: &str) -> Option<PathBuf> {
    let path = address.strip_prefix(UNIX)?;
    Some(path.strip_prefix("//").unwrap_or(path).into())
}
