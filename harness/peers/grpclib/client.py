"""The client's side of docs/peer-protocol.md, with grpclib: JSON lines on stdin and stdout."""

import asyncio
import base64
import json
import signal
import ssl
import sys
from threading import Thread
from typing import Any

import grpclib
from google.protobuf.message import DecodeError
from grpclib.client import Channel, ServiceMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.client import Stream as ClientStream
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from multidict import MultiDict

from fibonacci_grpc import FibonacciServiceStub
from outliers_grpc import OutliersStub
from status_details import VerbatimDetails

FEATURES = ["cancel", "close", "raw", "slow"]
# grpclib before 0.4.6 cannot be told which name the server must prove.
if hasattr(Configuration, "ssl_target_name_override"):
    FEATURES.append("tls")

HELLO = {
    "hello": {
        "protocol": 1,
        "implementation": "grpclib",
        "version": grpclib.__version__,
        "features": FEATURES,
        "max_in_flight": 256,
    }
}

STUBS = {"pb.Outliers": OutliersStub, "FibonacciService": FibonacciServiceStub}


class UnsupportedError(Exception):
    """The call cannot be made; the text says why."""


class CancelledByClientError(Exception):
    """The call is to be cancelled."""


class Raw(bytes):
    """A message of a type that nobody knows, as grpclib's codec wants one."""

    @classmethod
    def FromString(cls, serialized: bytes) -> "Raw":  # noqa: N802
        return cls(serialized)

    def SerializeToString(self) -> bytes:  # noqa: N802
        return bytes(self)


def main() -> None:
    if sys.argv[1:] != ["drive"]:
        print("client: the only command is `drive`: client.py drive", file=sys.stderr)
        sys.exit(2)
    # Python's own way with Ctrl-C is a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(drive())


async def drive() -> None:
    channels: dict[str, dict[str, Channel]] = {}
    lines = lines_of_stdin()
    async with asyncio.TaskGroup() as calls:
        while line := await lines.get():
            match json.loads(line):
                case {"hello": _}:
                    write(HELLO)
                case {"call": call}:
                    calls.create_task(answer(call, channels))
                case {"close": {"target": target}}:
                    close(channels.pop(target, {}))
    for variants in channels.values():
        close(variants)


def lines_of_stdin() -> asyncio.Queue[bytes]:
    """Each line as it comes, and at the end of stdin one that is empty."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        try:
            # Not sys.stdin, whose lock would be held when the interpreter shuts down.
            with open(0, "rb", closefd=False) as stdin:
                for line in stdin:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
        finally:
            loop.call_soon_threadsafe(lines.put_nowait, b"")

    # Not one of asyncio's threads, for which a client that fails would wait.
    Thread(target=read, daemon=True).start()
    return lines


async def answer(call: dict[str, Any], channels: dict[str, dict[str, Channel]]) -> None:
    variants = channels.setdefault(call["target"], {})
    tls = json.dumps(call.get("tls"))
    try:
        if tls not in variants:
            variants[tls] = open_channel(call["target"], call.get("tls"))
        result = await make(call, variants[tls])
    except UnsupportedError as error:
        write({"unsupported": {"id": call["id"], "why": str(error)}})
    else:
        write({"result": {"id": call["id"], **result}})


def open_channel(target: str, tls: dict[str, str] | None) -> Channel:
    host, _, port = target.rpartition(":")
    configuration = Configuration()
    context = None
    if tls is not None:
        configuration = Configuration(ssl_target_name_override=tls.get("server_name"))
        context = client_tls(tls)
    return Channel(
        host.removeprefix("[").removesuffix("]"),
        int(port),
        ssl=context,
        config=configuration,
        status_details_codec=VerbatimDetails(),
    )


def client_tls(tls: dict[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(tls["ca"])
        if "certificate" in tls:
            context.load_cert_chain(tls["certificate"], tls["key"])
    except OSError as error:
        raise UnsupportedError(f"tls: {error}") from error
    return context


def close(variants: dict[str, Channel]) -> None:
    for channel in variants.values():
        channel.close()


async def make(call: dict[str, Any], channel: Channel) -> dict[str, Any]:
    method = find_method(call, channel)
    request = parse_request(call, method)
    timeout_ms = call.get("timeout_ms")
    stream = method.open(
        timeout=None if timeout_ms is None else timeout_ms / 1000,
        metadata=[metadatum(name, value) for name, value in call.get("metadata", [])],
    )
    is_unary = isinstance(method, UnaryUnaryMethod)
    messages: list[str] = []
    code, text, details = Status.OK.value, "", b""
    try:
        async with stream:
            await stream.send_message(request)
            await receive(stream, call, is_unary, messages)
        # As grpclib's unary call has it.
        assert messages or not is_unary
    except CancelledByClientError:
        code, text = Status.CANCELLED.value, "cancelled by the client"
    except GRPCError as error:
        code, text, details = error.status.value, error.message or "", error.details or b""
    except TimeoutError as error:
        # grpclib's way to say that the deadline has passed.
        code, text = Status.DEADLINE_EXCEEDED.value, str(error)
    except Exception as error:
        # An exception is what grpclib's callers get for whatever is no status that a server
        # sent: a connection that is lost, a stream that is reset, a message that is malformed.
        code, text = None, repr(error)
    if is_unary and code != Status.OK.value:
        # That call, which shows no metadata, raises instead of returning the message.
        messages.clear()
    return {
        "messages": messages,
        "status": {"code": code, "message": text, "details": to_base64(details)},
        "headers": to_json(stream.initial_metadata),
        "trailers": to_json(stream.trailing_metadata),
    }


def find_method(call: dict[str, Any], channel: Channel) -> ServiceMethod:
    if call.get("raw"):
        return UnaryStreamMethod(channel, f"/{call['method']}", Raw, Raw)
    service, _, name = call["method"].rpartition("/")
    method = getattr(STUBS[service](channel), name, None) if service in STUBS else None
    if method is None:
        raise UnsupportedError(f"no stub for {call['method']}")
    return method


def parse_request(call: dict[str, Any], method: ServiceMethod) -> Any:
    try:
        return method.request_type.FromString(base64.b64decode(call["request"]))
    except DecodeError as error:
        raise UnsupportedError(f"the request does not parse: {error}") from error


async def receive(
    stream: ClientStream, call: dict[str, Any], is_unary: bool, messages: list[str]
) -> None:
    """Adds the response messages as they come."""
    limit = call.get("cancel_after_messages")
    delay_seconds = call.get("read_delay_ms", 0) / 1000
    while len(messages) != limit:
        if is_unary and messages:
            return
        await asyncio.sleep(delay_seconds)
        message = await stream.recv_message()
        if message is None:
            return
        messages.append(to_base64(message.SerializeToString()))
    # Leaving the stream's block so resets the stream, as the cancellation of a task does;
    # `Stream.cancel` fails if the whole response has come.
    raise CancelledByClientError


def metadatum(name: str, value: str) -> tuple[str, str | bytes]:
    return (name, base64.b64decode(value)) if name.endswith("-bin") else (name, value)


def to_json(metadata: MultiDict | None) -> list[list[str]]:
    return [
        [name, to_base64(value) if isinstance(value, bytes) else value]
        for name, value in (metadata or MultiDict()).items()
    ]


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
