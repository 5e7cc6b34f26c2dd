"""The PEM files that TLS needs: read, and looked at before grpcio gets them.

grpcio takes any bytes, and where it can make nothing of them it fails later, with
words about something else; of no roots at all it makes the system's own.
"""

import re
import ssl

from words import quote, reason

CERTIFICATE = re.compile(b"^-----BEGIN CERTIFICATE-----", re.MULTILINE)
PRIVATE_KEY = re.compile(b"^-----BEGIN ([A-Z ]+ )?PRIVATE KEY-----", re.MULTILINE)


class CertificateError(Exception):
    """A file cannot be used; the text names it and says why."""


def authorities(path: str) -> bytes:
    """The file's text, which has certificates to be trusted as roots."""
    text = read(path)
    if not CERTIFICATE.search(text):
        raise CertificateError(f"no certificate in {quote(path)}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        raise CertificateError(f"certificates in {quote(path)}: {ssl_reason(error)}") from error
    return text


def identity(chain_path: str, key_path: str) -> tuple[bytes, bytes]:
    """The private key's text, and that of the certificate chain that belongs to it.

    The first certificate of the chain is the owner's. Both may stand in one file.
    """
    chain, key = read(chain_path), read(key_path)
    if not CERTIFICATE.search(chain):
        raise CertificateError(f"no certificate in {quote(chain_path)}")
    if not PRIVATE_KEY.search(key):
        raise CertificateError(f"no private key in {quote(key_path)}")
    try:
        # Without a password it would ask the terminal for that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_path, key_path, password="")
    except ssl.SSLError as error:
        files = f"certificate {quote(chain_path)} with key {quote(key_path)}"
        raise CertificateError(f"{files}: {ssl_reason(error)}") from error
    return key, chain


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CertificateError(f"cannot read {quote(path)}: {reason(error)}") from error
    except ValueError as error:
        # No file has a path with a zero byte.
        raise CertificateError(f"cannot read {quote(path)}: {error}") from error


def ssl_reason(error: ssl.SSLError) -> str:
    """What OpenSSL says, such as `key values mismatch`; of much it says nothing."""
    return (error.reason or "not valid, or encrypted").lower().replace("_", " ")
