"""What ends the server: a signal, or the end of stdin."""

import os
import signal
import stat
import threading
from queue import SimpleQueue

STDIN = 0
READ_SIZE = 4096


def watch_for_stop() -> SimpleQueue[None]:
    """Returns a queue that gets an item on SIGTERM, SIGINT, or the end of stdin if it is a pipe.

    To be called before the server is announced: its user may stop it at once.
    """
    # Unlike Event.set, SimpleQueue.put may interrupt itself: safe in a signal handler.
    requests: SimpleQueue[None] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: requests.put(None))
    if is_pipe(STDIN):
        threading.Thread(target=watch_stdin, args=(requests,), daemon=True).start()
    return requests


def watch_stdin(requests: SimpleQueue[None]) -> None:
    while os.read(STDIN, READ_SIZE):
        pass
    requests.put(None)


def is_pipe(descriptor: int) -> bool:
    """Whether somebody holds the other end: not so for /dev/null, a terminal, or a closed stdin."""
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False
