"""Serves what the repository's Rust server does through nginx, as a proxy of HTTP/2 without TLS.

It speaks the server's side of docs/peer-protocol.md. Only the standard library is needed.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import SimpleQueue

RUST_SERVER = Path(__file__).resolve().parents[3] / "target/debug/server"

# How long nginx may take to say that it runs, and each process to stop.
START_LIMIT_S = 10
STOP_LIMIT_S = 1.5

STDIN = 0
READ_SIZE = 4096

# What is not here is nginx's default. The limits are those that gRPC's defaults ask for: messages
# of 4 MiB, which the server behind it refuses when they are longer, and 256 calls at once. A worker
# that waited for its calls any longer would be left behind when nginx is killed at STOP_LIMIT_S.
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
worker_shutdown_timeout 1s;
events {{
    worker_connections 4096;
}}
http {{
    access_log off;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    http2_max_concurrent_streams 1000;
    server {{
        listen {address} http2;
        location / {{
            grpc_pass grpc://{behind};
        }}
    }}
}}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--listen", default="127.0.0.1:9999", help="HOST:PORT; port 0 takes a free one"
    )
    parser.add_argument(
        "--behind", default=RUST_SERVER, type=Path, help="the Rust server's program"
    )
    arguments = parser.parse_args()
    if not os.access(arguments.behind, os.X_OK):
        parser.error(
            f"no server at {arguments.behind}; `make rust` builds it, --behind names another"
        )
    try:
        listener = bound(arguments.listen)
    except (OSError, OverflowError, ValueError) as error:
        parser.error(f"cannot listen on {arguments.listen}: {error}")

    # Unlike Event.set, SimpleQueue.put may interrupt its own thread: safe in a signal handler.
    stop = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.put(None))
    with tempfile.TemporaryDirectory(prefix="crosswire-nginx-") as folder:
        serve(listener, arguments.behind, Path(folder), stop)


def bound(address):
    host, _, port = address.rpartition(":")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen(511)
    return listener


def serve(listener, program, folder, stop):
    """Runs both programs until it is told to stop, or one of them ends."""
    with Child(
        [program, "--listen", "127.0.0.1:0"], signal.SIGTERM, stdout=subprocess.PIPE
    ) as server:
        ready = server.stdout.readline()
        if not ready:
            sys.exit("the Rust server has not started")
        behind = json.loads(ready)["ready"]["address"]
        address = "{}:{}".format(*listener.getsockname())
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, address=address, behind=behind)
        )
        # The workers of an nginx that root starts are another user's.
        folder.chmod(0o755)
        with Child(
            ["nginx", "-p", folder, "-e", "stderr", "-c", configuration],
            signal.SIGQUIT,  # With SIGTERM it would cut off its connections.
            # nginx has no way to take a free port and say which. It does take over sockets from
            # whoever starts it, as a new version of it does from an old one.
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
        ) as nginx:
            listener.close()
            wait_for(folder / "nginx.pid", nginx)
            announce(address)
            threading.Thread(target=await_end_of_stdin, args=[stop], daemon=True).start()
            while stop.empty():
                for name, child in [("nginx", nginx), ("the Rust server", server)]:
                    if child.poll() is not None:
                        sys.exit(f"{name} has ended")
                time.sleep(0.1)


class Child(subprocess.Popen):
    """A process that is told to stop at the end of the block, and has a while for it."""

    def __init__(self, words, stop_signal, **options):
        # The server stops when its stdin ends, as it does with this program, however that ends.
        super().__init__(words, stdin=subprocess.PIPE, **options)
        self.stop_signal = stop_signal

    def __exit__(self, *exception):
        self.send_signal(self.stop_signal)
        try:
            self.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        super().__exit__(*exception)


def wait_for(pid_file, nginx):
    """nginx writes the file when it has read its configuration and has its sockets."""
    end = time.monotonic() + START_LIMIT_S
    while not pid_file.exists():
        if nginx.poll() is not None or time.monotonic() > end:
            sys.exit("nginx has not started")
        time.sleep(0.01)


def announce(address):
    # It says so on stderr: `nginx version: nginx/1.22.1`.
    said = subprocess.run(["nginx", "-v"], stderr=subprocess.PIPE, text=True, check=True).stderr
    version = said.rpartition("/")[2].split()[0]
    ready = {"address": address, "implementation": "nginx", "version": version}
    print(json.dumps({"ready": ready}), flush=True)


def await_end_of_stdin(stop):
    # Not through sys.stdin: Python aborts at its exit if a thread still waits there.
    while os.read(STDIN, READ_SIZE):
        pass
    stop.put(None)


if __name__ == "__main__":
    main()
