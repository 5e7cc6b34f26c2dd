//! TLS, from the PEM files that are named to what tonic takes.

use std::error::Error;
use std::time::Duration;
use std::{fs, io};

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tonic::transport::{
    self, Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
};

use crate::words::{quote, reason};

/// How long a handshake may take: it is a few messages. Whoever connects and says
/// nothing is let go then.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(20);

/// A certificate chain, whose first certificate is the owner's, and the private
/// key that belongs to it: the paths of PEM files. Both may stand in one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityFiles {
    /// The path of the certificate chain.
    pub certificate: String,
    /// The path of the private key.
    pub key: String,
}

/// A PEM file cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The operating system does not let it be read.
    #[error("cannot read {}: {}", quote(path), reason(source))]
    Unreadable {
        /// The file's path.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no certificate in the file of this path.
    #[error("no certificate in {}", quote(.0))]
    NoCertificate(String),
    /// There is no private key in the file of this path.
    #[error("no private key in {}", quote(.0))]
    NoPrivateKey(String),
    /// The certificates in the file of this path cannot be trusted as roots.
    #[error("certificates in {}: {}", quote(path), root(source))]
    Authorities {
        /// The file's path.
        path: String,
        /// What is wrong with them.
        source: transport::Error,
    },
    /// They are no certificate and no key of it.
    #[error("certificate {} with key {}: {}", quote(&files.certificate), quote(&files.key), root(source))]
    Identity {
        /// The files' paths.
        files: IdentityFiles,
        /// What is wrong with them.
        source: transport::Error,
    },
    /// The name is none that a certificate could have.
    #[error("{}: {}", quote(name), root(source))]
    ServerName {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: transport::Error,
    },
}

/// The innermost error, which alone says what happened.
fn root(error: &transport::Error) -> String {
    let mut root: &dyn Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

/// A server's side of TLS, with this certificate.
///
/// # Errors
///
/// [`TlsError`]: a file cannot be used.
pub fn server(identity: &IdentityFiles) -> Result<ServerTlsConfig, TlsError> {
    let config = ServerTlsConfig::new().timeout(HANDSHAKE_LIMIT).identity(read_identity(identity)?);
    match Server::builder().tls_config(config.clone()) {
        Ok(_) => Ok(config),
        Err(source) => Err(TlsError::Identity { files: identity.clone(), source }),
    }
}

/// Has the server ask every client for a certificate that one of those in the PEM
/// file of this path has signed.
///
/// # Errors
///
/// [`TlsError`]: the file cannot be used.
pub fn ask_clients(server: ServerTlsConfig, ca: &str) -> Result<ServerTlsConfig, TlsError> {
    let config = server.client_ca_root(read_authorities(ca)?);
    match Server::builder().tls_config(config.clone()) {
        Ok(_) => Ok(config),
        Err(source) => Err(TlsError::Authorities { path: ca.to_owned(), source }),
    }
}

/// What a client needs for TLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientTls {
    /// The path of a PEM file with the only certificates that are trusted as roots.
    pub ca: String,
    /// The name that the server's certificate must have, and that is sent as SNI
    /// and `:authority`, if it is not the host of the server's address.
    pub server_name: Option<String>,
    /// The client's own, for a server that asks for it.
    pub identity: Option<IdentityFiles>,
}

impl ClientTls {
    /// Makes the endpoint, whose URI is HTTPS, connect so.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: a file or the name cannot be used.
    pub fn secure(&self, endpoint: &Endpoint) -> Result<Endpoint, TlsError> {
        let mut config = ClientTlsConfig::new()
            .timeout(HANDSHAKE_LIMIT)
            .ca_certificate(read_authorities(&self.ca)?);
        let set = |config: &ClientTlsConfig| endpoint.clone().tls_config(config.clone());
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
            let named = set(&config);
            named.map_err(|source| TlsError::ServerName { name: name.clone(), source })?;
        }
        if let Some(files) = &self.identity {
            config = config.identity(read_identity(files)?);
            let identified = set(&config);
            identified.map_err(|source| TlsError::Identity { files: files.clone(), source })?;
        }
        set(&config).map_err(|source| TlsError::Authorities { path: self.ca.clone(), source })
    }
}

fn read_authorities(path: &str) -> Result<Certificate, TlsError> {
    let text = read(path)?;
    expect_certificate(path, &text)?;
    Ok(Certificate::from_pem(text))
}

fn read_identity(files: &IdentityFiles) -> Result<Identity, TlsError> {
    let chain = read(&files.certificate)?;
    let key = read(&files.key)?;
    expect_certificate(&files.certificate, &chain)?;
    PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::NoPrivateKey(files.key.clone()))?;
    Ok(Identity::from_pem(chain, key))
}

fn expect_certificate(path: &str, text: &[u8]) -> Result<(), TlsError> {
    let first = CertificateDer::from_pem_slice(text);
    first.map(drop).map_err(|_| TlsError::NoCertificate(path.to_owned()))
}

fn read(path: &str) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
