//! TLS as a case asks for it, made of the run's certificates; and the words that have a server
//! serve as a case asks for it.

use std::time::Duration;

use crate::{
    certificates::{Certificates, Identity},
    driver::ClientTls,
    manifest::{ServerCertificate, ServerSpec, ServerTls, Serving},
    role::Role,
    suite::{ClientCertificate, Tls, TlsTap, Trust},
    tap,
};

/// The name in the servers' certificates.
const SERVER_NAME: &str = "localhost";

/// What a server's command gains to serve so.
pub(super) fn server_words(
    spec: &ServerSpec,
    serving: &Serving,
    certificates: Option<&Certificates>,
) -> Vec<String> {
    let words = |(setting, time): (_, &Duration)| {
        let words = spec.settings.get(setting).into_iter().flatten();
        let ms = time.as_millis().to_string();
        words.map(move |word| word.replace("{ms}", &ms))
    };
    let of_tls = serving.tls.zip(certificates);
    let of_tls = of_tls.map(|(tls, certificates)| tls_words(spec, tls, certificates));
    of_tls.unwrap_or_default().into_iter().chain(serving.settings.iter().flat_map(words)).collect()
}

fn tls_words(spec: &ServerSpec, tls: ServerTls, certificates: &Certificates) -> Vec<String> {
    let ServerTls { certificate, mutual } = tls;
    let Identity { certificate, key } = server_identity(certificate, certificates);
    let filled = |word: &String| {
        word.replace("{cert}", &certificate.display().to_string())
            .replace("{key}", &key.display().to_string())
            .replace("{client_ca}", &certificates.ca().display().to_string())
    };
    let mutual_tls = if mutual { &spec.mutual_tls[..] } else { &[] };
    spec.tls.iter().chain(mutual_tls).map(filled).collect()
}

/// What the client is told.
pub(super) fn client_tls(tls: &Tls, certificates: &Certificates) -> ClientTls {
    let identity = tls.client.map(|client| client_identity(client, certificates));
    let (certificate, key) = identity.map(|own| (own.certificate, own.key)).unzip();
    ClientTls {
        ca: match tls.trust {
            Trust::Ca => certificates.ca(),
            Trust::OtherCa => certificates.other_ca(),
        },
        server_name: Some(tls.server_name.clone()).filter(|name| !name.is_empty()),
        certificate,
        key,
    }
}

/// What the tap does with the connection. Where it ends TLS, it shows each side what
/// the other would have shown.
pub(super) fn tap_tls(tls: &Tls, scripted: Option<Role>, certificates: &Certificates) -> tap::Tls {
    if tls.tap == TlsTap::Passes {
        return tap::Tls::Opaque;
    }
    let Identity { certificate, key } = server_identity(tls.server, certificates);
    let own = tls.client.map(|client| client_identity(client, certificates));
    tap::Tls::Ends(tap::Ends {
        certificate,
        key,
        client_ca: tls.mutual.then(|| certificates.ca()),
        server_ca: certificates.ca(),
        server_name: SERVER_NAME.to_owned(),
        client_certificate: own.map(|own| (own.certificate, own.key)),
        plain: scripted,
    })
}

fn server_identity(which: ServerCertificate, certificates: &Certificates) -> Identity {
    match which {
        ServerCertificate::Signed => certificates.server(),
        ServerCertificate::Expired => certificates.expired(),
    }
}

fn client_identity(which: ClientCertificate, certificates: &Certificates) -> Identity {
    match which {
        ClientCertificate::Signed => certificates.client(),
        ClientCertificate::OtherCa => certificates.other_client(),
    }
}
