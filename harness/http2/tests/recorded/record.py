"""Records what grpcio and grpc-go write, for the tests beside this file.

Run in the repository's root, after `make py go`, with Python's hpack (the one of
`hyper`) at hand, which says what the header blocks mean:

    py/.venv/bin/python -m pip install --target target/hpack hpack==4.2.0
    PYTHONPATH=target/hpack py/.venv/bin/python harness/http2/tests/recorded/record.py

Each peer's client makes a few calls to its own server. For each direction, NAME.bin has
the bytes as they passed, and NAME.json the fields of each header block, in order, as text
of one character for each byte.
"""

import json
import pathlib
import socket
import subprocess
import threading

import hpack

HERE = pathlib.Path(__file__).parent
PEERS = {
    "grpcio": (
        ["py/.venv/bin/python", "py/server.py", "--listen", "127.0.0.1:0"],
        ["py/.venv/bin/python", "py/client.py", "drive"],
    ),
    "grpc-go": (
        ["go/bin/server", "--listen", "127.0.0.1:0"],
        ["go/bin/client", "drive"],
    ),
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, PUSH_PROMISE, CONTINUATION, END_HEADERS, PADDED, PRIORITY = 1, 5, 9, 4, 8, 32

FIBONACCI, DETECT = "FibonacciService/GetSequence", "pb.Outliers/Detect"
# Fields that come again, that differ in their value alone, that do not fit into the
# table, that may be Huffman-coded or not, and the metadata that makes a server fail.
CALLS = [
    (FIBONACCI, "CAM=", []),
    (FIBONACCI, "CAM=", []),
    (DETECT, "", [["x-one", "1"], ["x-one", "2"]]),
    (FIBONACCI, "CAM=", [["x-one", "2"], ["x-long", "a long value, " * 200]]),
    (FIBONACCI, "CAM=", [["x-larger", "~^|{}`!?" * 600], ["x-bytes-bin", "AP/+gA=="]]),
    (
        FIBONACCI,
        "CAM=",
        [["x-one", "1"], ["x-empty", ""], ["x-signs", '"#$&()*,;<=>@[]\\\\^']],
    ),
    (FIBONACCI, "CP///////////wE=", [["x-one", "2"]]),
    ("FibonacciService/Absent", "", [["x-one", "3"]]),
    (FIBONACCI, "CAM=", [["x-one", "1"]]),
]


def main():
    for name, (server, client) in PEERS.items():
        directions = record(server, client)
        for side, data in directions.items():
            (HERE / f"{name}-{side}.bin").write_bytes(data)
            blocks = list(decoded(data.removeprefix(PREFACE)))
            text = ",\n".join(json.dumps(block) for block in blocks)
            (HERE / f"{name}-{side}.json").write_text(f"[\n{text}\n]\n")
            print(f"{name}-{side}: {len(data)} bytes, {len(blocks)} blocks")


def record(server_command, client_command):
    """What passed from each side while the client made its calls."""
    server = subprocess.Popen(server_command, stdout=subprocess.PIPE, text=True)
    address = json.loads(server.stdout.readline())["ready"]["address"]
    passed = {"client": bytearray(), "server": bytearray()}
    listener = socket.create_server(("127.0.0.1", 0))
    target = f"127.0.0.1:{listener.getsockname()[1]}"
    threading.Thread(target=join, args=(listener, address, passed), daemon=True).start()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    client = subprocess.Popen(client_command, **pipes)

    def ask(line):
        print(json.dumps(line), file=client.stdin, flush=True)
        return json.loads(client.stdout.readline())

    ask({"hello": {"protocol": 1}})
    for number, (method, request, metadata) in enumerate(CALLS):
        call = {"id": number, "case": "recorded", "target": target, "method": method}
        call |= {"request": request, "metadata": metadata, "timeout_ms": 10_000}
        ask({"call": call | ({"raw": True} if "Absent" in method else {})})
    client.stdin.close()
    client.wait()
    server.terminate()
    server.wait()
    return {side: bytes(data) for side, data in passed.items()}


def join(listener, address, passed):
    """Joins the one connection that comes to the server, and keeps what passes."""
    client, _ = listener.accept()
    host, port = address.rsplit(":", 1)
    server = socket.create_connection((host, int(port)))

    def copy(source, sink, kept):
        while data := source.recv(1 << 16):
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    up = threading.Thread(target=copy, args=(client, server, passed["client"]), daemon=True)
    up.start()
    copy(server, client, passed["server"])


def decoded(data):
    """The fields of each block, as another decoder than ours reads them."""
    decoder = hpack.Decoder(max_header_list_size=1 << 20)
    # Whatever its side was allowed: that is not what is tested here.
    decoder.max_allowed_table_size = 1 << 20
    block = b""
    while data:
        length, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
        payload, data = data[9 : 9 + length], data[9 + length :]
        if kind not in (HEADERS, PUSH_PROMISE, CONTINUATION):
            continue
        if kind == HEADERS and flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == HEADERS and flags & PRIORITY:
            payload = payload[5:]
        block += payload
        if flags & END_HEADERS:
            fields = decoder.decode(block, raw=True)
            yield [[part.decode("latin-1") for part in field] for field in fields]
            block = b""


main()
