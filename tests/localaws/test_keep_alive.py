"""A connection that nobody used for a while still answers: no server here closes it under its caller."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from cheroot import connections

from localaws.http_api.payload import HttpResponse
from localaws.http_api.server import ApiServer
from localaws.keep_alive import KEPT
from localaws.sts.service import Sts
from tests.localaws.conftest import WorldOf

IDLE = 600.0
"""Seconds without a request, as the server's own clock tells them."""
LOOKS = 1.2
"""Real seconds in which every server looks for connections to close."""


UNCOUNTED = 64
"""Connections whose answer is read before the server puts them with the idle ones: one for each of its threads."""


@pytest.fixture(params=["the front door", "an HTTP API"])
def endpoint(request: pytest.FixtureRequest, world_of: WorldOf) -> Iterator[str]:
    if request.param == "the front door":
        yield world_of(Sts).endpoint
        return
    server = ApiServer(lambda _request: HttpResponse(200, [], b"well"))
    yield server.endpoint
    server.close()


def connection_to(endpoint: str) -> HTTPConnection:
    """A connection of its own."""
    address = urlsplit(endpoint)
    assert address.hostname
    return HTTPConnection(address.hostname, address.port, timeout=10)


def ask(connection: HTTPConnection) -> str | None:
    """Ask on this very connection; what the answer says of it."""
    connection.auto_open = 0
    if connection.sock is None:
        connection.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read()
    return answer.getheader("Connection")


def test_an_idle_connection_is_not_closed(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connection_to(endpoint)
    ask(connection)
    later = SimpleNamespace(time=lambda: time.time() + IDLE, sleep=time.sleep)
    monkeypatch.setattr(connections, "time", later)
    time.sleep(LOOKS)
    assert ask(connection) is None
    connection.close()


def test_one_too_many_is_told_so_with_its_answer(endpoint: str) -> None:
    held: list[HTTPConnection] = []
    while ask(connection := connection_to(endpoint)) is None:
        held.append(connection)
        assert len(held) <= KEPT + UNCOUNTED
    assert len(held) >= KEPT
    for connection in held:
        connection.close()
