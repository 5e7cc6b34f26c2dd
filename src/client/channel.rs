use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::address::{Address, Place};
use crate::layers::client::channel::MendedChannel;
use crate::layers::client::settings::CheckedSettings;
use crate::layers::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use crate::tls::{ClientTls, TlsError};

/// How long the headers or the trailers of a response may be. The library's own limit
/// is 16 KiB, beyond which it says INTERNAL, and a little later ends the connection
/// with all of its calls.
const HEADER_LIST_BYTES: u32 = 256 << 10;

/// How a channel connects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connecting {
    /// The server's name, of which the calls' `:authority` is made.
    pub server: Place,
    /// What the name stands for: the first of them that answers is taken. Without any, it is
    /// looked up.
    pub addresses: Vec<Address>,
    /// Plaintext without it.
    pub tls: Option<ClientTls>,
    /// How long a connection may be silent before a PING is sent, also without a call.
    pub keepalive_time: Option<Duration>,
    /// How long its answer may take.
    pub keepalive_timeout: Option<Duration>,
}

impl Connecting {
    /// To a server by its name alone, in plaintext.
    pub fn to(server: Place) -> Self {
        let (addresses, tls) = (Vec::new(), None);
        Self { server, addresses, tls, keepalive_time: None, keepalive_timeout: None }
    }

    /// Connects to the first address that answers.
    async fn connect(&self) -> io::Result<Stream> {
        let mut last = None;
        for address in &self.addresses {
            match connect(address).await {
                Ok(stream) => return Ok(Either::Left(stream)),
                Err(error) => last = Some(error),
            }
        }
        match (last, &self.server) {
            (Some(error), _) => Err(error),
            (None, Place::Tcp(address)) => connect(address).await.map(Either::Left),
            (None, Place::Unix(path)) => UnixStream::connect(path).await.map(Either::Right),
        }
    }

    /// An endpoint with the keepalive that is asked for, and with TLS.
    fn endpoint(&self, plain: impl Fn(Uri) -> Endpoint) -> Result<Endpoint, TlsError> {
        let endpoint = match &self.tls {
            None => plain(uri("http", &self.server)),
            Some(tls) => secured(&self.server, tls, plain)?,
        };
        let endpoint = match self.keepalive_time {
            Some(time) => endpoint.http2_keep_alive_interval(time).keep_alive_while_idle(true),
            None => endpoint,
        };
        Ok(match self.keepalive_timeout {
            Some(timeout) => endpoint.keep_alive_timeout(timeout),
            None => endpoint,
        })
    }
}

/// A connection of either kind.
type Stream = Either<TcpStream, UnixStream>;

/// A channel to the server, over HTTP/2, that connects on its first call and again
/// whenever the connection was lost.
///
/// A name is looked up, and whichever of its addresses answers is taken. Not so
/// `localhost`: many a hosts file lists only one of its two addresses, and the
/// server may listen on the other. It is 127.0.0.1, or ::1 if nobody is there. No
/// proxy is asked, whatever the environment says.
///
/// # Errors
///
/// [`TlsError`]: a file for TLS cannot be used.
pub fn open_channel(connecting: &Connecting) -> Result<MendedChannel, TlsError> {
    let endpoint = connecting.endpoint(endpoint)?;
    let own = connecting.clone();
    let channel =
        match connecting.tls {
            None => endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
                let own = own.clone();
                async move {
                    own.connect().await.map(|stream| TokioIo::new(CheckedSettings::new(stream)))
                }
            })),
            // What the server says is encrypted where this could look at it.
            Some(_) => endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
                let own = own.clone();
                async move { own.connect().await.map(TokioIo::new) }
            })),
        };
    Ok(MendedChannel::new(channel))
}

/// A channel as tonic makes it by default. It takes one address.
///
/// # Errors
///
/// [`TlsError`]: a file for TLS cannot be used.
pub fn open_plain_channel(connecting: &Connecting) -> Result<Channel, TlsError> {
    match &connecting.server {
        Place::Tcp(_) => Ok(connecting.endpoint(Endpoint::from)?.connect_lazy()),
        Place::Unix(path) if connecting.tls.is_none() => {
            let named = |_| {
                Endpoint::from_shared(Place::unix_name(path)).expect("a path makes an endpoint")
            };
            Ok(connecting.endpoint(named)?.connect_lazy())
        }
        // tonic's own way to a Unix socket takes no TLS.
        Place::Unix(path) => {
            let path = path.clone();
            let connector = service_fn(move |_: Uri| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            });
            Ok(connecting.endpoint(Endpoint::from)?.connect_with_connector_lazy(connector))
        }
    }
}

fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_LIST_BYTES)
}

fn secured(
    server: &Place,
    tls: &ClientTls,
    endpoint: impl Fn(Uri) -> Endpoint,
) -> Result<Endpoint, TlsError> {
    let secured = tls.secure(&endpoint(uri("https", server)))?;
    let authority = tls.server_name.as_ref().map(|name| format!("https://{name}").parse());
    // A name that a certificate may have, and that is no authority, there is none.
    Ok(match authority {
        Some(Ok(authority)) => secured.origin(authority),
        _ => secured,
    })
}

/// The path of a Unix socket is no authority; gRPC's other libraries say `localhost` for it.
fn uri(scheme: &str, server: &Place) -> Uri {
    let uri = match server {
        Place::Tcp(address) => format!("{scheme}://{address}"),
        Place::Unix(_) => format!("{scheme}://localhost"),
    };
    uri.parse().expect("an address makes a URI")
}

async fn connect(server: &Address) -> io::Result<TcpStream> {
    let connect = async |server: &Address| TcpStream::connect(server.socket()).await;
    let stream = if server.is_localhost() {
        match connect(&server.on_host(Ipv4Addr::LOCALHOST)).await {
            Ok(stream) => stream,
            Err(_) => connect(&server.on_host(Ipv6Addr::LOCALHOST)).await?,
        }
    } else {
        connect(server).await?
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_makes_a_uri() {
        for text in ["unix:/a b", "localhost:9999", "[::1]:0", "a_b-c.d:65535", "-:1", "_:1", ".:1"]
        {
            uri("https", &text.parse().expect(text));
        }
    }
}
