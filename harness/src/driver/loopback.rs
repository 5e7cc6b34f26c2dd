//! Where a server may say that it listens: on loopback, by number, or at a Unix socket in
//! the run's own folder. Its word must not send traffic elsewhere, nor have a name looked up.

use std::{fs, net::SocketAddr, os::unix::fs::FileTypeExt as _, path::Path};

use crate::{
    address::{Address, unix_path},
    text::{printable, shorten},
};

/// How much of what a server says instead is quoted. An address is shorter.
const QUOTED_CHARACTERS: usize = 80;

/// What is allowed, for whoever is told that something else is not.
const ALLOWED: &str = "a ready line names loopback by number, 127.0.0.0/8 or [::1], such as \
                       127.0.0.1:50051, or a Unix socket beside `{socket}`";

/// The state of a socket that listens, in `/proc/net/tcp` (`TCP_LISTEN`).
const LISTENS: &str = "0A";

/// Reads the address of a ready line. Unix sockets may be in this folder.
///
/// # Errors
/// It is another address than one of loopback, or none by number, or a Unix socket
/// elsewhere; in words that quote it and say what is allowed.
pub(super) fn announced(text: &str, folder: &Path) -> Result<Address, String> {
    let found = match unix_path(text) {
        Some(path) => socket(&path, folder),
        None => match text.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => Err("has no port"),
            Ok(address) if address.ip().is_loopback() => Ok(address.into()),
            Ok(_) => Err("is not on loopback"),
            Err(_) => Err("is no IP address with a port"),
        },
    };
    found.map_err(|problem| {
        let quoted = shorten(&printable(text), QUOTED_CHARACTERS);
        format!("`{quoted}` {problem}; {ALLOWED}")
    })
}

/// A Unix socket that stands in this folder itself. Nothing outside of it is looked at.
fn socket(path: &Path, folder: &Path) -> Result<Address, &'static str> {
    if path.parent() != Some(folder) {
        return Err("is not in the folder of `{socket}`");
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(path.into()),
        Ok(_) | Err(_) => Err("is no Unix socket"),
    }
}

/// Whether who listens on this port of loopback listens on all interfaces. Linux tells,
/// in `/proc`; elsewhere it is not known.
pub(super) fn is_open_to_all(port: u16) -> bool {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let table = fs::read_to_string(table).unwrap_or_default();
        table.lines().any(|socket| listens_everywhere(socket, port))
    })
}

/// Whether a line of the table is of a socket that listens on this port, whatever the
/// interface: `0: 00000000:1F90 00000000:0000 0A …`.
fn listens_everywhere(socket: &str, port: u16) -> bool {
    let mut fields = socket.split_whitespace().skip(1);
    let (Some(local), Some(_remote), Some(state)) = (fields.next(), fields.next(), fields.next())
    else {
        return false;
    };
    state == LISTENS
        && local.split_once(':').is_some_and(|(address, its_port)| {
            address.bytes().all(|digit| digit == b'0')
                && u16::from_str_radix(its_port, 16) == Ok(port)
        })
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        os::unix::{fs::symlink, net::UnixListener},
    };

    use super::*;

    fn refused(text: &str, folder: &Path, problem: &str) {
        let words = format!("`{text}` {problem}; {ALLOWED}");
        assert_eq!(announced(text, folder), Err(words), "{text}");
    }

    #[test]
    fn of_tcp_addresses_loopback_by_number_is_all_that_may_be_announced() {
        let folder = Path::new("/");
        for text in ["127.0.0.1:1", "127.77.0.1:65535", "[::1]:50051"] {
            let address = announced(text, folder).map(|address| address.to_string());
            assert_eq!(address, Ok(text.to_owned()));
        }
        for (text, problem) in [
            ("localhost:50051", "is no IP address with a port"),
            ("example.com:80", "is no IP address with a port"),
            ("127.0.0.1", "is no IP address with a port"),
            ("::1:50051", "is no IP address with a port"),
            ("2130706433:80", "is no IP address with a port"),
            ("127.1:80", "is no IP address with a port"),
            ("", "is no IP address with a port"),
            ("127.0.0.1:0", "has no port"),
            ("192.0.2.7:8000", "is not on loopback"),
            ("0.0.0.0:8000", "is not on loopback"),
            ("169.254.169.254:80", "is not on loopback"),
            ("[::]:8000", "is not on loopback"),
            ("[2001:db8::7]:8000", "is not on loopback"),
            ("[fe80::1%2]:8000", "is not on loopback"),
            ("[::ffff:127.0.0.1]:80", "is not on loopback"),
            ("[::ffff:192.0.2.7]:80", "is not on loopback"),
        ] {
            refused(text, folder, problem);
        }
    }

    #[test]
    fn of_unix_sockets_only_one_in_the_folder_may_be_announced() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |path: &Path| format!("unix:{}", path.display());
        let inside = folder.path().join("server");
        let outside = elsewhere.path().join("server");
        let _listeners = [&inside, &outside].map(|path| UnixListener::bind(path).unwrap());
        for text in [at(&inside), at(&inside).replace("unix:", "unix://")] {
            assert_eq!(announced(&text, folder.path()), Ok((&*inside).into()), "{text}");
        }
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        symlink(&outside, &link).unwrap();
        fs::write(&file, "").unwrap();
        let below = folder.path().join("..").join(elsewhere.path().file_name().unwrap());
        let foreign = "is not in the folder of `{socket}`";
        for (path, problem) in [
            (outside, foreign),
            (link, "is no Unix socket"),
            (below.join("server"), foreign),
            (file, "is no Unix socket"),
            (folder.path().join("absent"), "is no Unix socket"),
        ] {
            let words = announced(&at(&path), folder.path()).unwrap_err();
            assert!(words.contains(problem), "{words}");
        }
        refused("unix:", folder.path(), foreign);
        refused("unix:@abstract", folder.path(), foreign);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_socket_on_all_interfaces_is_told_from_one_on_loopback() {
        for (host, expected) in [("127.0.0.1", false), ("0.0.0.0", true), ("::", true)] {
            // A machine may have no IPv6.
            let Ok(socket) = TcpListener::bind((host, 0)) else { continue };
            let port = socket.local_addr().unwrap().port();
            assert_eq!(is_open_to_all(port), expected, "{host}");
            drop(socket);
            assert!(!is_open_to_all(port), "{host}, closed");
        }
    }
}
