"""Idle connections shut nobody out: when there are too many, the one that has been silent longest makes room."""

from asyncio import Transport

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_AT_ONCE = 256  # a quarter of the descriptors of a process; a browser that loads a contact sheet takes six


class YieldingConnection(H11Protocol):
    """One connection of the page's server.

    uvicorn waits without end for the first request of a connection. Its own limit refuses every request while it is
    reached, so that as many connections that say nothing close the page to everybody.
    """

    silent_since_s: float  # by the event loop's clock

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.silent_since_s = self.loop.time()
        there = [one for one in self.connections if isinstance(one, YieldingConnection) and not one.is_ending()]
        silent = [one for one in there if one is not self and not one.is_answering()]
        if len(there) > MOST_AT_ONCE:
            min(silent, key=lambda one: one.silent_since_s, default=self).transport.close()

    def data_received(self, data: bytes) -> None:
        self.silent_since_s = self.loop.time()
        super().data_received(data)

    def is_answering(self) -> bool:
        """Whether a request was read whose answer is not yet sent."""
        return self.cycle is not None and not self.cycle.response_complete

    def is_ending(self) -> bool:
        """Whether this connection was told to end and is only still listed."""
        return self.transport.is_closing()
