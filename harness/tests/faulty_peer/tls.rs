//! The two sides of a TLS connection.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use serde::Deserialize;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

/// What a connection is read from and written to.
pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// How a call's connection is encrypted.
#[derive(Deserialize)]
pub(crate) struct ClientTls {
    ca: PathBuf,
    server_name: Option<String>,
}

impl ClientTls {
    /// The connection's client, which offers these protocols.
    pub(crate) fn connect(
        &self,
        socket: TcpStream,
        protocols: &[&[u8]],
    ) -> io::Result<Box<dyn Stream>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&self.ca).map_err(io::Error::other)? {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let host = socket.peer_addr()?.ip().to_string();
        let name = self.server_name.clone().unwrap_or(host);
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(client, socket)))
    }
}

/// What a server shows, both or none.
#[derive(Args, Clone)]
pub(crate) struct ServerTls {
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl ServerTls {
    /// The connection's server, which selects one of these protocols.
    pub(crate) fn accept(
        &self,
        socket: TcpStream,
        protocols: &[&[u8]],
    ) -> io::Result<Box<dyn Stream>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(Box::new(socket));
        };
        let chain = CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)?;
        let chain = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let server = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(server, socket)))
    }
}
