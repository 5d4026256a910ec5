"""The scratch server of a drill, made while its archive is still being hashed and its contents are read.

Making a server is most of what a small drill waits for, and needs nothing of the archive but the version of its source.
Which programs fit is decided by the contents, later: where that comes out otherwise than expected, the server made here
is thrown away, and another one is made. Its whole time is a phase of the recovery, as if nobody had done anything
beside it. What this does not do: let anything of the archive near the server before the hash has been compared.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from dbops.backup.background import Background
from dbops.drill.copy import server_for

if TYPE_CHECKING:
    from types import TracebackType

    from dbops.connection.binaries import Binaries
    from dbops.connection.server import ScratchServer
    from dbops.drill.passes import Stopwatch

PHASE = "provision/server"


class ServerAhead:
    """A server that is being made; leaving the block ends it, whether it was taken or not.

    A block that is left by an error, a hash that is wrong say, does not wait until the server is there.
    """

    def __init__(self, watch: Stopwatch, binaries: Binaries) -> None:
        self._watch = watch
        self._binaries = binaries
        self._wanted = server_for(binaries)
        self._stack = contextlib.ExitStack()
        self._server = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._server)
        self._making = self._stack.enter_context(Background(self._make, cancel=self._wanted.give_up))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _make(self) -> ScratchServer:
        with self._watch.phase(PHASE):
            return self._server.enter_context(self._wanted)

    def take(self, binaries: Binaries) -> ScratchServer | None:
        """Return the server once it takes connections; None, and it is gone, where other programs are wanted.

        Raises what starting it raised.
        """
        if binaries.directory == self._binaries.directory:
            return self._making.result()
        with contextlib.suppress(Exception):  # that of a server that nobody wants
            self._making.result()
        self._server.close()
        return None
