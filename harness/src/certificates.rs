//! Certificates for the trials over TLS, made when a run starts and gone when it ends.

use std::{
    io,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// The years in which certificates are valid: no clock is so wrong that it matters.
const FROM_YEAR: i32 = 2000;
const TO_YEAR: i32 = 2100;

/// The year in which the expired certificate ended.
const EXPIRED_YEAR: i32 = 2001;

/// Whom the server's certificates are for.
const SERVER_NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// The files, all of them PEM, in a temporary folder that is removed with this value.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

/// A certificate's file and that of its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them, in a folder of their own in this one.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn make(above: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("crosswire-").tempdir_in(above)?;
        let certificates = Self { folder };
        certificates.write_all().map_err(io::Error::other)?;
        Ok(certificates)
    }

    /// The folder of all.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The CA that has signed all but [`Self::other_client`].
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// A CA that has signed nothing that a server shows.
    #[must_use]
    pub fn other_ca(&self) -> PathBuf {
        self.file("other-ca.pem")
    }

    /// A server's, for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn server(&self) -> Identity {
        self.identity("server")
    }

    /// Likewise, but out of date.
    #[must_use]
    pub fn expired(&self) -> Identity {
        self.identity("expired")
    }

    /// A client's.
    #[must_use]
    pub fn client(&self) -> Identity {
        self.identity("client")
    }

    /// A client's, signed by the other CA.
    #[must_use]
    pub fn other_client(&self) -> Identity {
        self.identity("other-client")
    }

    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder().join(name)
    }

    fn identity(&self, name: &str) -> Identity {
        Identity {
            certificate: self.file(format!("{name}.pem")),
            key: self.file(format!("{name}.key")),
        }
    }

    fn write_all(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let ca = authority("Crosswire CA")?;
        let other_ca = authority("Crosswire other CA")?;
        std::fs::write(self.ca(), ca.pem())?;
        std::fs::write(self.other_ca(), other_ca.pem())?;
        let server =
            params("Crosswire server", &SERVER_NAMES, ExtendedKeyUsagePurpose::ServerAuth)?;
        let mut expired = server.clone();
        expired.not_after = date_time_ymd(EXPIRED_YEAR, 1, 1);
        let client = params("Crosswire client", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
        for (identity, params, issuer) in [
            (self.server(), &server, &ca),
            (self.expired(), &expired, &ca),
            (self.client(), &client, &ca),
            (self.other_client(), &client, &other_ca),
        ] {
            let key = KeyPair::generate()?;
            std::fs::write(identity.certificate, params.signed_by(&key, issuer)?.pem())?;
            std::fs::write(identity.key, key.serialize_pem())?;
        }
        Ok(())
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    identify(&mut params, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn params(
    name: &str,
    hosts: &[&str],
    usage: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams, rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    identify(&mut params, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn identify(params: &mut CertificateParams, name: &str) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(FROM_YEAR, 1, 1);
    params.not_after = date_time_ymd(TO_YEAR, 1, 1);
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{
        RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
        server::WebPkiClientVerifier,
    };

    use super::*;

    fn provider() -> std::sync::Arc<tokio_rustls::rustls::crypto::CryptoProvider> {
        tokio_rustls::rustls::crypto::ring::default_provider().into()
    }

    fn roots(ca: &Path) -> std::sync::Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        roots.into()
    }

    fn is_a_client_of(identity: &Identity, ca: &Path) -> bool {
        let builder = WebPkiClientVerifier::builder_with_provider(roots(ca), provider());
        let verifier = builder.build().unwrap();
        let certificate = CertificateDer::from_pem_file(&identity.certificate).unwrap();
        verifier.verify_client_cert(&certificate, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn they_are_signed_by_whom_they_should_be() {
        let made = Certificates::make(&std::env::temp_dir()).unwrap();
        for (identity, ca, expected) in [
            (made.client(), made.ca(), true),
            (made.client(), made.other_ca(), false),
            (made.other_client(), made.other_ca(), true),
            (made.other_client(), made.ca(), false),
            (made.server(), made.ca(), false),
        ] {
            assert_eq!(is_a_client_of(&identity, &ca), expected, "{identity:?} of {ca:?}");
        }
        for Identity { key, .. } in
            [made.server(), made.expired(), made.client(), made.other_client()]
        {
            PrivateKeyDer::from_pem_file(key).unwrap();
        }
    }

    #[test]
    fn they_go_with_the_run() {
        let made = Certificates::make(&std::env::temp_dir()).unwrap();
        let folder = made.folder().to_owned();
        assert!(folder.join("server.key").exists());
        drop(made);
        assert!(!folder.exists());
    }
}
