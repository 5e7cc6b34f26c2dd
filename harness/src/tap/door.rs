//! Where clients knock: a port of IPv4 or IPv6, or a Unix socket, which can be left alone for a
//! while, as by a server that has died.

use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, UnixListener},
    time::sleep,
};
use tokio_util::either::Either;

use crate::{
    address::{Address, Stream},
    manifest::Over,
};

/// How long to leave a listener alone that gives an error, such as too many open
/// files. Trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How many clients may wait to be accepted, as the standard library has it.
const QUEUE: u32 = 128;

/// A place that is taken, and where nobody listens yet.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) address: Address,
    lock: Lock,
}

#[derive(Debug)]
enum Lock {
    Tcp(TcpSocket),
    Unix(PathBuf),
}

/// A place where somebody listens.
pub(super) struct OpenDoor {
    address: Address,
    listener: Either<TcpListener, UnixListener>,
}

impl Door {
    /// A free place. Of Unix sockets, this one.
    ///
    /// # Errors
    /// The system gives none: it may have no IPv6.
    pub(super) fn new(over: Over, socket: Option<&Path>) -> io::Result<Self> {
        match (over, socket) {
            (Over::Ipv4, _) => Self::at((Ipv4Addr::LOCALHOST, 0).into()),
            (Over::Ipv6, _) => Self::at((Ipv6Addr::LOCALHOST, 0).into()),
            (Over::Unix, Some(path)) => {
                Ok(Self { address: path.into(), lock: Lock::Unix(path.to_owned()) })
            }
            (Over::Unix, None) => Err(io::Error::other("no path for a Unix socket")),
        }
    }

    /// Who connects to a port that is taken and not listened on is refused.
    fn at(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // It was listened on a moment ago, and its connections may linger.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self { address: address.into(), lock: Lock::Tcp(socket) })
    }

    /// Listens. Must be called within a runtime.
    pub(super) fn open(self) -> io::Result<OpenDoor> {
        let listener = match self.lock {
            Lock::Tcp(socket) => Either::Left(socket.listen(QUEUE)?),
            Lock::Unix(path) => Either::Right(UnixListener::bind(path)?),
        };
        Ok(OpenDoor { address: self.address, listener })
    }
}

impl OpenDoor {
    /// The next client.
    pub(super) async fn accept(&self) -> Stream {
        loop {
            let accepted = match &self.listener {
                Either::Left(tcp) => tcp.accept().await.map(|(stream, _)| Either::Left(stream)),
                Either::Right(unix) => unix.accept().await.map(|(stream, _)| Either::Right(stream)),
            };
            match accepted {
                Ok(stream) => return stream,
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Nobody listens any more. The place stays taken.
    pub(super) fn close(self) -> io::Result<Door> {
        let Self { address, listener } = self;
        match listener {
            Either::Left(tcp) => {
                let place = tcp.local_addr()?;
                drop(tcp);
                Door::at(place)
            }
            Either::Right(unix) => {
                let path = unix.local_addr()?.as_pathname().map(Path::to_owned);
                drop(unix);
                let path = path.ok_or_else(|| io::Error::other("a socket without a path"))?;
                fs::remove_file(&path)?;
                Ok(Door { address, lock: Lock::Unix(path) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connecting is refused before it is open, and after it was closed; then it opens again
    /// at the same place.
    async fn opens_and_closes(over: Over, socket: Option<&Path>) {
        let door = Door::new(over, socket).unwrap();
        let address = door.address.clone();
        assert!(address.connect().await.is_err(), "{over}: not open yet");
        let open = door.open().unwrap();
        let (client, _server) = tokio::join!(address.connect(), open.accept());
        client.unwrap();
        let door = open.close().unwrap();
        assert!(address.connect().await.is_err(), "{over}: closed");
        assert_eq!(door.address, address);
        let open = door.open().unwrap();
        let (client, _server) = tokio::join!(address.connect(), open.accept());
        client.unwrap();
    }

    #[tokio::test]
    async fn a_door_opens_and_closes_and_keeps_its_place() {
        opens_and_closes(Over::Ipv4, None).await;
        // A machine may have no IPv6.
        if Door::new(Over::Ipv6, None).is_ok() {
            opens_and_closes(Over::Ipv6, None).await;
        }
        let folder = tempfile::tempdir().unwrap();
        opens_and_closes(Over::Unix, Some(&folder.path().join("door"))).await;
    }
}
