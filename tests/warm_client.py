"""What a test starts in the place of `python`: has the command run in a fork of the warm process, and ends as it does.

Run with `-I -S` it imports nothing that is slow: sixteen milliseconds.
"""

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HEAD_BYTES = 4


def main(address: str, arguments: list[str]) -> None:
    """Never returns: ends with the fork's exit code, or by the signal that ended it."""
    process, early = 0, []

    def forward(number: int, _: object) -> None:
        if process:
            os.kill(process, number)
        else:
            early.append(number)

    for number in FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    folder = os.getcwd()  # noqa: PTH109 - pathlib is slow to import
    order = json.dumps({"arguments": arguments, "folder": folder, "environment": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX) as warm:
        warm.connect(address)
        socket.send_fds(warm, [len(order).to_bytes(HEAD_BYTES, "big")], [0, 1, 2])
        warm.sendall(order)
        process = int.from_bytes(_read(warm), "big")
        for number in early:
            os.kill(process, number)
        status = int.from_bytes(_read(warm), "big")
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGKILL:  # which has no handler
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def _read(warm: socket.socket) -> bytes:
    taken = b""
    while len(taken) < HEAD_BYTES:
        part = warm.recv(HEAD_BYTES - len(taken))
        if not part:
            sys.exit("the warm process is gone")
        taken += part
    return taken


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
