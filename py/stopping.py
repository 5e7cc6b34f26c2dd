"""What ends the server: a signal, or the end of stdin."""

import os
import signal
import stat
import threading
from queue import SimpleQueue

STDIN = 0
READ_SIZE = 4096


def watch_for_stop() -> SimpleQueue[str]:
    """Returns a queue that gets a reason on SIGTERM, SIGINT, or the end of stdin if it is a pipe.

    To be called before the server is announced: its user may stop it at once.
    """
    # Unlike Event.set, SimpleQueue.put may interrupt itself: safe in a signal handler.
    reasons: SimpleQueue[str] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: reasons.put(signal.Signals(number).name))
    if is_pipe(STDIN):
        threading.Thread(target=watch_stdin, args=(reasons,), daemon=True).start()
    return reasons


def watch_stdin(reasons: SimpleQueue[str]) -> None:
    while os.read(STDIN, READ_SIZE):
        pass
    reasons.put("stdin ended")


def is_pipe(descriptor: int) -> bool:
    """Whether somebody holds the other end: not so for /dev/null, a terminal, or a closed stdin."""
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False
