"""TLS and mutual TLS, of the server and of the client."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import LIMIT_SECONDS, run_program, running_server
from driving import OK, drive, elements, stream
from identities import Authority, Identity, tls_options

UNAVAILABLE = 14


@pytest.fixture(scope="module")
def other_authority(folder: Path) -> Authority:
    return Authority(folder / "other")


@pytest.fixture(scope="module")
def target(own: Identity) -> Iterator[str]:
    with running_server("127.0.0.1:0", options=tls_options(own)) as process:
        yield process.addresses[0]


@pytest.fixture(scope="module")
def mutual_target(own: Identity, authority: Authority) -> Iterator[str]:
    options = [*tls_options(own), "--tls-client-ca", authority.certificate]
    with running_server("127.0.0.1:0", options=options) as process:
        yield process.addresses[0]


def status(target: str, **tls: str) -> dict[str, Any]:
    """The status of a call without a deadline, so that a client that waits is found out."""
    (answer,) = drive(target, {**stream(1), "tls": tls})
    return answer["result"]["status"]


def test_call(target: str, authority: Authority):
    tls = {"ca": authority.certificate, "server_name": "localhost"}
    (answer,) = drive(target, {**stream(3), "tls": tls})
    assert answer["result"]["messages"] == elements(0, 1, 1)
    assert answer["result"]["status"] == OK


def test_every_address_speaks_tls(own: Identity, authority: Authority):
    with running_server("127.0.0.1:0", "127.0.0.1:0", options=tls_options(own)) as process:
        for address in process.addresses:
            assert status(address, ca=authority.certificate) == OK


@pytest.mark.parametrize("name", ["localhost", "server.test", "127.0.0.1", None])
def test_names_of_the_server(target: str, authority: Authority, name: str | None):
    assert status(target, ca=authority.certificate, **named(name)) == OK


def named(name: str | None) -> dict[str, str]:
    return {} if name is None else {"server_name": name}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize(("certified", "is_good"), [("same", True), ("another.test", False)])
def test_without_a_name_it_is_the_targets_host(
    authority: Authority, host: str, certified: str, is_good: bool
):
    identity = authority.issue(host if certified == "same" else certified)
    with running_server("127.0.0.1:0", options=tls_options(identity)) as process:
        port = process.addresses[0].rpartition(":")[2]
        code = status(f"{host}:{port}", ca=authority.certificate)["code"]
    assert code == (0 if is_good else UNAVAILABLE)


def test_wrong_authority(target: str, other_authority: Authority):
    assert status(target, ca=other_authority.certificate)["code"] == UNAVAILABLE


def test_wrong_name(target: str, authority: Authority):
    wrong = status(target, ca=authority.certificate, server_name="another.test")
    assert wrong["code"] == UNAVAILABLE


def test_expired_certificate(authority: Authority):
    identity = authority.issue("127.0.0.1", expired=True)
    with running_server("127.0.0.1:0", options=tls_options(identity)) as process:
        expired = status(process.addresses[0], ca=authority.certificate)
    assert expired["code"] == UNAVAILABLE


def test_cancelled_call_does_not_wait_for_a_handshake_that_failed(
    target: str, other_authority: Authority
):
    call = {**stream(3), "tls": {"ca": other_authority.certificate}, "cancel_after_messages": 0}
    (answer,) = drive(target, call)
    assert answer["result"]["messages"] == []
    assert answer["result"]["status"]["code"] in (1, UNAVAILABLE)


def test_tls_to_plaintext(addresses: list[str], authority: Authority):
    assert status(addresses[0], ca=authority.certificate)["code"] == UNAVAILABLE


def test_plaintext_to_tls(target: str):
    (answer,) = drive(target, stream(1))
    assert answer["result"]["status"]["code"] == UNAVAILABLE


def test_client_with_a_certificate(mutual_target: str, authority: Authority):
    client = authority.issue("client.test")
    tls = {"ca": authority.certificate, "certificate": client.certificate, "key": client.key}
    assert status(mutual_target, **tls) == OK


def test_client_without_a_certificate(mutual_target: str, authority: Authority):
    assert status(mutual_target, ca=authority.certificate)["code"] == UNAVAILABLE


def test_client_with_a_certificate_of_another(
    mutual_target: str, authority: Authority, other_authority: Authority
):
    client = other_authority.issue("client.test")
    tls = {"ca": authority.certificate, "certificate": client.certificate, "key": client.key}
    assert status(mutual_target, **tls)["code"] == UNAVAILABLE


def test_client_with_an_expired_certificate(mutual_target: str, authority: Authority):
    client = authority.issue("client.test", expired=True)
    tls = {"ca": authority.certificate, "certificate": client.certificate, "key": client.key}
    assert status(mutual_target, **tls)["code"] == UNAVAILABLE


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_server_speaks_h2_by_alpn(target: str, authority: Authority, version: ssl.TLSVersion):
    context = ssl.create_default_context(cafile=authority.certificate)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1", "h2"])
    host, _, port = target.rpartition(":")
    with (
        socket.create_connection((host, int(port)), LIMIT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.recv(9)[3] == 4  # SETTINGS


def test_client_sends_the_name_and_h2(own: Identity, authority: Authority):
    asked = []
    context = server_context(own, ["h2"])
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    tls = {"ca": authority.certificate, "server_name": "server.test"}
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as reader:
        first_bytes = reader.submit(bytes_with, b"server.test", listener, context)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        (answer,) = drive(target, {**stream(1), "tls": tls})
        # grpcio writes headers as they are, without Huffman's code.
        assert b":authority\x0bserver.test" in first_bytes.result()
    assert asked == ["server.test"]
    assert answer["result"]["status"]["code"] == UNAVAILABLE


def bytes_with(wanted: bytes, listener: socket.socket, context: ssl.SSLContext) -> bytes:
    """What the first client sends in its call, read until the wanted is there or it goes."""
    empty_settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    listener.settimeout(LIMIT_SECONDS)
    plain, _ = listener.accept()
    plain.settimeout(LIMIT_SECONDS)
    with context.wrap_socket(plain, server_side=True) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        connection.sendall(empty_settings)
        data = b""
        while wanted not in data and (more := connection.recv(65536)):
            data += more
        return data


@pytest.mark.parametrize("protocols", [[], ["http/1.1"]])
def test_client_wants_h2(own: Identity, authority: Authority, protocols: list[str]):
    context = server_context(own, protocols)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as reader:
        first_bytes = reader.submit(bytes_of_any, listener, context)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        assert status(target, ca=authority.certificate)["code"] == UNAVAILABLE
        assert first_bytes.result() == b""


def bytes_of_any(listener: socket.socket, context: ssl.SSLContext) -> bytes:
    """What the first client sends once it has shaken hands."""
    listener.settimeout(LIMIT_SECONDS)
    plain, _ = listener.accept()
    plain.settimeout(LIMIT_SECONDS)
    with plain:
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                return connection.recv(65536)
        except OSError:
            return b""


def server_context(identity: Identity, protocols: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.set_alpn_protocols(protocols)
    return context


def test_unsupported(target: str, authority: Authority, own: Identity, folder: Path):
    absent, empty, ca = str(folder / "absent.pem"), str(folder / "empty.pem"), authority.certificate
    Path(empty).touch()
    calls = [
        {"ca": absent},
        {"ca": empty},
        {"ca": ca, "certificate": own.certificate},
        {"ca": ca, "certificate": absent, "key": own.key},
        {"ca": ca, "certificate": own.certificate, "key": empty},
        {},
    ]
    answers = drive(target, *({**stream(1), "tls": tls} for tls in calls))
    assert [answer["unsupported"]["why"] for answer in answers] == [
        f'tls: cannot read "{absent}": no such file or directory',
        f'tls: no certificate in "{empty}"',
        "tls: certificate and key go together; give both, or none",
        f'tls: cannot read "{absent}": no such file or directory',
        f'tls: no private key in "{empty}"',
        "the client failed: KeyError('ca')",
    ]


def test_files_that_the_server_cannot_use(folder: Path, authority: Authority, own: Identity):
    other = authority.issue("other.test")
    absent, damaged = str(folder / "absent.pem"), folder / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    pair = "--tls-cert or --tls-key"
    table = [
        ([absent, own.key], f'cannot read "{absent}": no such file or directory', pair),
        ([own.certificate, absent], f'cannot read "{absent}": no such file or directory', pair),
        ([str(folder), own.key], f'cannot read "{folder}": is a directory', pair),
        ([own.key, own.key], f'no certificate in "{own.key}"', pair),
        ([own.certificate, own.certificate], f'no private key in "{own.certificate}"', pair),
        (
            [own.certificate, other.key],
            f'certificate "{own.certificate}" with key "{other.key}": key values mismatch',
            pair,
        ),
        ([own.certificate, own.key, own.key], f'no certificate in "{own.key}"', "--tls-client-ca"),
        (
            [own.certificate, own.key, str(damaged)],
            f'certificates in "{damaged}": ',
            "--tls-client-ca",
        ),
    ]
    for files, words, options in table:
        process = refused_server(*files)
        assert (process.returncode, process.stdout) == (2, "")
        assert process.stderr.startswith(f"server: cannot serve TLS: {words}")
        assert process.stderr.endswith(f"; name another file with {options}\n")
        assert process.stderr.count("\n") == 1


def refused_server(certificate: str, key: str, *client_ca: str) -> subprocess.CompletedProcess:
    options = ["--tls-cert", certificate, "--tls-key", key]
    options += [option for path in client_ca for option in ("--tls-client-ca", path)]
    return run_program("server.py", "--listen", "127.0.0.1:0", *options)
