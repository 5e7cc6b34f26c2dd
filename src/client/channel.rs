use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::address::Address;
use crate::layers::client::channel::MendedChannel;
use crate::layers::client::settings::CheckedSettings;
use crate::layers::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use crate::tls::{ClientTls, TlsError};

/// How long the headers or the trailers of a response may be. The library's own limit
/// is 16 KiB, beyond which it says INTERNAL, and a little later ends the connection
/// with all of its calls.
const HEADER_LIST_BYTES: u32 = 256 << 10;

/// A channel to the server, over HTTP/2, that connects on its first call and again
/// whenever the connection was lost. It is plaintext without `tls`.
///
/// A name is looked up, and whichever of its addresses answers is taken. Not so
/// `localhost`: many a hosts file lists only one of its two addresses, and the
/// server may listen on the other. It is 127.0.0.1, or ::1 if nobody is there. No
/// proxy is asked, whatever the environment says.
///
/// # Errors
///
/// [`TlsError`]: a file of `tls` cannot be used.
pub fn open_channel(server: &Address, tls: Option<&ClientTls>) -> Result<MendedChannel, TlsError> {
    let address = server.clone();
    let channel = match tls {
        None => {
            let connector = service_fn(move |_: Uri| {
                let address = address.clone();
                async move {
                    Ok::<_, io::Error>(TokioIo::new(CheckedSettings::new(connect(&address).await?)))
                }
            });
            endpoint(uri("http", server)).connect_with_connector_lazy(connector)
        }
        // What the server says is encrypted where this could look at it.
        Some(tls) => {
            let connector = service_fn(move |_: Uri| {
                let address = address.clone();
                async move { connect(&address).await.map(TokioIo::new) }
            });
            secured(server, tls, endpoint)?.connect_with_connector_lazy(connector)
        }
    };
    Ok(MendedChannel::new(channel))
}

/// A channel as tonic makes it by default.
///
/// # Errors
///
/// [`TlsError`]: a file of `tls` cannot be used.
pub fn open_plain_channel(server: &Address, tls: Option<&ClientTls>) -> Result<Channel, TlsError> {
    let endpoint = match tls {
        None => Endpoint::from(uri("http", server)),
        Some(tls) => secured(server, tls, Endpoint::from)?,
    };
    Ok(endpoint.connect_lazy())
}

fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_LIST_BYTES)
}

fn secured(
    server: &Address,
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

fn uri(scheme: &str, server: &Address) -> Uri {
    format!("{scheme}://{server}").parse().expect("an address makes a URI")
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
        for text in ["localhost:9999", "[::1]:0", "a_b-c.d:65535", "-:1", "_:1", ".:1"] {
            uri("https", &text.parse().expect(text));
        }
    }
}
