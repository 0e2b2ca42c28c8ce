"""What systemd, or whoever started the daemon, is told of it: that it is ready, turns, reloads, ends (the protocol of sd_notify). Never needed."""

import socket
from contextlib import suppress


class Supervisor:
    """Whoever waits at *address*, the value of NOTIFY_SOCKET; "" when nobody does."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, state: str) -> None:
        """READY=1, WATCHDOG=1, RELOADING=1, STOPPING=1. Nobody who listens is nobody's trouble."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as line:
            line.sendto(state.encode(), self._address)
