"""How long the servers here keep a connection that nobody uses. Used by the front door and the HTTP APIs.

A server that closes an idle connection may do so in the moment in which its caller sends the next request, who then
has no answer. AWS's SDKs send such a request again; a state machine's calls and a user's don't. So a connection lives
as long as its caller wants it, and the answer itself says so when there are too many.
"""

from __future__ import annotations

from cheroot.wsgi import Server

IDLE = 3600
"""Seconds after which a connection without a request is closed."""
KEPT = 100
"""Idle connections at most: the answer to one more says that it closes."""


def keep_alive(server: Server) -> None:
    """Let a server's callers end their connections. To be called before it accepts any."""
    server.timeout = IDLE
    server.keep_alive_conn_limit = KEPT
