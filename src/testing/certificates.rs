use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::tls::IdentityFiles;

/// A CA and certificates that it has signed, in a folder that goes with this.
#[derive(Debug)]
pub(crate) struct Certificates {
    folder: String,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("interop-tls-{}-{number}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let certificates = Self { folder: folder.to_str().expect("a path").to_owned() };
        certificates.write_all();
        certificates
    }

    fn write_all(&self) {
        let mut params = CertificateParams::default();
        // The library's default name is the same for all: whoever compares them
        // would take each for signed by itself.
        params.distinguished_name.push(DnType::CommonName, "Crosswire's test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        self.write("ca.pem", &ca.pem());
        for (owner, name) in [("server", "crosswire.test"), ("client", "client.test")] {
            let params = CertificateParams::new([name.to_owned()]).expect("names");
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &ca).expect("a certificate");
            self.write(&format!("{owner}.pem"), &certificate.pem());
            self.write(&format!("{owner}.key"), &key.serialize_pem());
        }
    }

    /// Writes a file into the folder, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// The path of the certificate that has signed the others.
    pub(crate) fn ca(&self) -> String {
        self.path("ca.pem")
    }

    /// A certificate for `crosswire.test`.
    pub(crate) fn server(&self) -> IdentityFiles {
        self.identity("server")
    }

    pub(crate) fn client(&self) -> IdentityFiles {
        self.identity("client")
    }

    fn identity(&self, owner: &str) -> IdentityFiles {
        let [certificate, key] = ["pem", "key"].map(|kind| self.path(&format!("{owner}.{kind}")));
        IdentityFiles { certificate, key }
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        // What is left in the folder for temporary files harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
