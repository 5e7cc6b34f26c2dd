"""Certificates for tests of TLS, made anew and written to files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Identity:
    """The files of a certificate chain and of its private key."""

    certificate: str
    key: str


def tls_options(identity: Identity) -> list[str]:
    """The options that have the server be this one."""
    return ["--tls-cert", identity.certificate, "--tls-key", identity.key]


class Authority:
    """A CA, and the files of what it has signed."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = self._write("ca.pem", self._authority.cert_pem)

    def issue(self, *names: str, expired: bool = False) -> Identity:
        """A certificate for the host names and IP addresses."""
        ended = datetime(2001, 1, 1, tzinfo=UTC) if expired else None
        leaf = self._authority.issue_cert(*names, not_after=ended)
        stem = "-".join(names) + ("-expired" if expired else "")
        return Identity(
            self._write(f"{stem}.pem", *leaf.cert_chain_pems),
            self._write(f"{stem}-key.pem", leaf.private_key_pem),
        )

    def _write(self, name: str, *blobs: trustme.Blob) -> str:
        path = self._folder / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(path)
