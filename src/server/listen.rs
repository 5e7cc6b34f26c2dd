use std::io;

use thiserror::Error;
use tokio::net::TcpListener;

use crate::address::Address;

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
    Taken(Address),
    /// The operating system refuses for another reason.
    #[error("cannot listen on {address}: {}; name another with --listen", reason(source))]
    Refused {
        /// The address that was asked for.
        address: Address,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What [`bind_defaults`] found.
#[derive(Debug)]
pub struct Bound {
    /// A listener for each address that could be bound, in order.
    pub listeners: Vec<TcpListener>,
    /// The addresses left out, because the machine has no IPv6.
    pub without_ipv6: Vec<Address>,
}

/// Listens on every address, in order. Port 0 takes a free one.
///
/// # Errors
///
/// [`ListenError`] for the first address that cannot be bound.
pub async fn bind(addresses: &[Address]) -> Result<Vec<TcpListener>, ListenError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        listeners.push(bind_one(address).await?);
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
    let (addresses, without_ipv6) = DEFAULT_ADDRESSES
        .map(|text| text.parse().expect("the defaults are addresses"))
        .into_iter()
        .partition(|address: &Address| has_ipv6 || !address.is_ipv6_loopback());
    let addresses: Vec<Address> = addresses;
    Ok(Bound { listeners: bind(&addresses).await?, without_ipv6 })
}

/// Neither tokio nor the standard library sets SO_REUSEPORT, under which a
/// second server would silently share the port.
async fn bind_one(address: &Address) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address.socket()).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(address.clone()),
        _ => ListenError::Refused { address: address.clone(), source },
    })
}

/// The operating system's words, without the number that Rust appends, and in
/// lower case like the sentence around them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    words.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_noticed() {
        let first = bind(&["127.0.0.1:0".parse().expect("an address")]).await.expect("a free port");
        let taken = first[0].local_addr().expect("an address").to_string();

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
}
