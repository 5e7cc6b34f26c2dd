//! TLS at the tap: passed on unread, or ended and started anew.

use std::{
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, split},
    time::timeout,
};
use tokio_rustls::{
    LazyConfigAcceptor, StartHandshake, TlsConnector, client,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
        server::{Acceptor, WebPkiClientVerifier},
    },
    server,
};

use tokio_util::either::Either;

use super::line::{Line, Socket};
use crate::{address::Stream, role::Role, wire::transcript::Alpn};

/// How long a handshake may take, each with its own side. The peers have limits of
/// their own, which are shorter than this in every trial.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

/// The name of HTTP/2 over TLS.
const H2: &[u8] = b"h2";

/// What the tap does with TLS.
#[derive(Debug, Clone)]
pub enum Tls {
    /// It passes it on unread.
    Opaque,
    /// It ends it, starts it anew to the server, and reads what is between.
    Ends(Ends),
}

/// What the tap needs to stand between two sides that speak TLS. All files are PEM.
#[derive(Debug, Clone)]
pub struct Ends {
    /// The certificate that clients are shown.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The CA of which clients must show a certificate; without it, none is asked for.
    pub client_ca: Option<PathBuf>,
    /// The CA that must have signed the server's certificate.
    pub server_ca: PathBuf,
    /// Whom the server's certificate must be for.
    pub server_name: String,
    /// The certificate, and its private key, that the server is shown.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The side that speaks no TLS: a script.
    pub plain: Option<Role>,
}

/// Likewise, read and ready.
#[derive(Clone)]
pub(super) struct Terminator {
    /// To a client that offers h2.
    h2: Arc<ServerConfig>,
    /// To one that does not: nothing is selected, as a server would that knows no ALPN,
    /// so that its call is seen.
    without_alpn: Arc<ServerConfig>,
    connector: TlsConnector,
    server_name: ServerName<'static>,
    plain: Option<Role>,
}

impl fmt::Debug for Terminator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Terminator").finish_non_exhaustive()
    }
}

impl Terminator {
    /// Reads the files.
    pub(super) fn new(ends: &Ends) -> io::Result<Self> {
        let server = Self::to_clients(ends)?;
        let mut h2 = server.clone();
        h2.alpn_protocols = vec![H2.to_vec()];
        let server_name = ServerName::try_from(ends.server_name.clone())
            .map_err(|error| invalid(format!("server name `{}`: {error}", ends.server_name)))?;
        Ok(Self {
            h2: h2.into(),
            without_alpn: server.into(),
            connector: Arc::new(Self::to_server(ends)?).into(),
            server_name,
            plain: ends.plain,
        })
    }

    fn to_clients(ends: &Ends) -> io::Result<ServerConfig> {
        let versions = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(invalid)?;
        let builder = match &ends.client_ca {
            None => versions.with_no_client_auth(),
            Some(ca) => {
                let roots = Arc::new(roots(ca)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                versions.with_client_cert_verifier(verifier.build().map_err(|e| bad(ca, e))?)
            }
        };
        builder
            .with_single_cert(chain(&ends.certificate)?, key(&ends.key)?)
            .map_err(|error| bad(&ends.certificate, error))
    }

    fn to_server(ends: &Ends) -> io::Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(invalid)?
            .with_root_certificates(roots(&ends.server_ca)?);
        let mut config = match &ends.client_certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, private)) => builder
                .with_client_auth_cert(chain(certificate)?, key(private)?)
                .map_err(|error| bad(certificate, error))?,
        };
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(config)
    }

    /// Shakes hands with both sides, with the server before the client is answered; a script
    /// needs none. If one fails, the other meets a peer that fails, and a note says why.
    pub(super) async fn shake_hands(
        &self,
        line: &Line,
        client: Stream,
        server: Stream,
    ) -> Option<(
        Either<server::TlsStream<Stream>, Stream>,
        Either<client::TlsStream<Stream>, Stream>,
    )> {
        if self.plain == Some(Role::Client) {
            let server = self.to_the_server(line, server, client).await;
            let (server, client) = server?;
            let selected = server.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            line.handshakes(Alpn { offered: vec![H2.to_vec()], selected });
            return Some((Either::Right(client), Either::Left(server)));
        }
        let accept = LazyConfigAcceptor::new(Acceptor::default(), client);
        let started = within_limit(accept).await;
        let started = started.map_err(|error| fails(line, Role::Client, &error)).ok()?;
        let offered: Vec<Vec<u8>> =
            started.client_hello().alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
        let offers_h2 = offered.iter().any(|offer| offer == H2);
        let (server, started, selected) = if self.plain == Some(Role::Server) {
            (Either::Right(server), started, offers_h2.then(|| H2.to_vec()))
        } else {
            let (server, started) = self.to_the_server(line, server, started).await?;
            let selected = server.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            (Either::Left(server), started, selected)
        };
        line.handshakes(Alpn { offered, selected });
        let config = if offers_h2 { &self.h2 } else { &self.without_alpn };
        let client = within_limit(started.into_stream(Arc::clone(config))).await;
        let client = client.map_err(|error| {
            fails(line, Role::Client, &error);
            server.abort();
        });
        Some((Either::Left(client.ok()?), server))
    }

    /// Shakes hands with the server. If that fails, its client's connection breaks.
    async fn to_the_server<C: Client>(
        &self,
        line: &Line,
        server: Stream,
        client: C,
    ) -> Option<(client::TlsStream<Stream>, C)> {
        let connect = self.connector.connect(self.server_name.clone(), server);
        match within_limit(connect).await {
            Ok(server) => Some((server, client)),
            Err(error) => {
                fails(line, Role::Server, &error);
                line.watch.server_leaves();
                client.stream().abort();
                None
            }
        }
    }
}

/// A client's connection, or what has become of it so far.
trait Client {
    fn stream(&self) -> &Stream;
}

impl Client for Stream {
    fn stream(&self) -> &Stream {
        self
    }
}

impl Client for StartHandshake<Stream> {
    fn stream(&self) -> &Stream {
        &self.io
    }
}

async fn within_limit<T>(handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(HANDSHAKE_LIMIT, handshake).await.unwrap_or_else(|_| {
        Err(io::Error::new(ErrorKind::TimedOut, format!("not done after {HANDSHAKE_LIMIT:?}")))
    })
}

fn fails(line: &Line, side: Role, error: &io::Error) {
    line.note(side, format!("the TLS handshake with the {side} fails: {error}"));
}

fn provider() -> Arc<CryptoProvider> {
    ring::default_provider().into()
}

fn chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| bad(path, error))?;
    let certificates: Vec<_> =
        certificates.collect::<Result<_, _>>().map_err(|error| bad(path, error))?;
    if certificates.is_empty() {
        return Err(bad(path, "no certificate in it"));
    }
    Ok(certificates)
}

fn key(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| bad(path, error))
}

fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots.add(certificate).map_err(|error| bad(path, error))?;
    }
    Ok(roots)
}

fn bad(path: &Path, problem: impl fmt::Display) -> io::Error {
    invalid(format!("{}: {problem}", path.display()))
}

fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, problem)
}

impl Socket for server::TlsStream<Stream> {
    fn halves(
        &mut self,
    ) -> (impl AsyncRead + Unpin + Send + '_, impl AsyncWrite + Unpin + Send + '_) {
        split(self)
    }

    fn abort(&self) {
        self.get_ref().0.abort();
    }
}

impl Socket for client::TlsStream<Stream> {
    fn halves(
        &mut self,
    ) -> (impl AsyncRead + Unpin + Send + '_, impl AsyncWrite + Unpin + Send + '_) {
        split(self)
    }

    fn abort(&self) {
        self.get_ref().0.abort();
    }
}
