"""The client's side of docs/peer-protocol.md, with grpclib: JSON lines on stdin and stdout."""

import asyncio
import json
import signal
import ssl
import sys
from threading import Thread
from typing import Any

import grpclib
from grpclib.client import Channel
from grpclib.config import Configuration

from call import make
from status_details import VerbatimDetails
from steps import UnsupportedError

FEATURES = [
    "bidi",
    "cancel",
    "client-streaming",
    "close",
    "ipv6",
    "raw",
    "slow",
    "test-service",
    "unix",
]
# grpclib before 0.4.6 cannot be told which name the server must prove.
if hasattr(Configuration, "ssl_target_name_override"):
    FEATURES.append("tls")

HELLO = {
    "hello": {
        "protocol": 2,
        "implementation": "grpclib",
        "version": grpclib.__version__,
        "features": FEATURES,
        "max_in_flight": 256,
    }
}


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
    configuration = Configuration()
    context = None
    if tls is not None:
        configuration = Configuration(ssl_target_name_override=tls.get("server_name"))
        context = client_tls(tls)
    return Channel(
        **place(target),
        ssl=context,
        config=configuration,
        status_details_codec=VerbatimDetails(),
    )


def place(target: str) -> dict[str, Any]:
    if target.startswith("unix:"):
        return {"path": target.removeprefix("unix:")}
    host, _, port = target.rpartition(":")
    return {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}


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


def write(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
