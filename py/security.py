"""The options that make the server speak TLS."""

import grpc

from certificates import CertificateError, authorities, identity
from command_line import Arguments, CommandError

CERTIFICATE = "--tls-cert"
KEY = "--tls-key"
CLIENT_CA = "--tls-client-ca"
TLS_OPTIONS = (CERTIFICATE, KEY, CLIENT_CA)


def server_credentials(arguments: Arguments) -> grpc.ServerCredentials | None:
    """The credentials that the options name, or None for plaintext.

    Raises `CommandError` if they do not go together, or a file cannot be used.
    """
    chain, key, client_ca = (arguments.last(option) for option in TLS_OPTIONS)
    if (chain is None) != (key is None):
        raise CommandError(f"{CERTIFICATE} and {KEY} go together")
    if chain is None or key is None:
        if client_ca is not None:
            raise CommandError(f"{CLIENT_CA} needs {CERTIFICATE} and {KEY}")
        return None
    try:
        pair = identity(chain, key)
    except CertificateError as error:
        raise unusable(error, f"{CERTIFICATE} or {KEY}") from error
    if client_ca is None:
        return grpc.ssl_server_credentials([pair])
    try:
        roots = authorities(client_ca)
    except CertificateError as error:
        raise unusable(error, CLIENT_CA) from error
    return grpc.ssl_server_credentials([pair], roots, require_client_auth=True)


def unusable(error: CertificateError, options: str) -> CommandError:
    return CommandError(f"cannot serve TLS: {error}; name another file with {options}")
