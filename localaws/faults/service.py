"""The JSON API of faults at `/_localaws/faults`, and their seat in a world. Not of AWS: localaws's own.

POST a fault sets it and answers it with its `id`; GET lists all, with how often each matched and struck; DELETE takes
away all, or the one whose id follows. What is not exactly a fault is refused with the reason.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from moto.core.request import Request

from localaws.faults.calls import CallFaults
from localaws.faults.fault import Fault, FaultError
from localaws.front_door.protocol import Reply
from localaws.lambda_.service import Lambda
from localaws.page.service import Page
from localaws.service import Service

LIMIT = 65_536
"""Bytes of a request."""


class FaultInjection(Service):
    """Sets, shows and takes away the faults of a world."""

    name: ClassVar[str] = "faults"

    def start(self) -> None:
        calls = CallFaults(self.world.faults, self._crash)
        self.world.front_door.intercept(calls.before, first=True)
        self.world.front_door.witness(calls.after)
        self.world.service(Page).mount("faults", self.answer)

    def stop(self) -> None:
        self.world.faults.remove()

    def answer(self, request: Request, rest: str) -> Reply:
        """Answer a request to the API; `rest` is what follows its path."""
        faults = self.world.faults
        if request.method == "GET":
            found = [fault.to_json() for fault in faults.standing() if rest in ("", fault.identity)]
            if not rest:
                return _json(200, found)
            return _json(200, found[0]) if found else _refusal(404, f"there is no fault {rest!r}")
        if request.method == "DELETE":
            removed = faults.remove(rest or None)
            if rest and not removed:
                return _refusal(404, f"there is no fault {rest!r}")
            return _json(200, {"removed": removed})
        if request.method == "POST" and not rest:
            return self._set(request)
        return _refusal(405, f"{request.method} is not for {request.path}")

    def _set(self, request: Request) -> Reply:
        if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            return _refusal(415, "a fault is sent as application/json")  # which no other site's page can send unasked
        body = request.get_data()
        if len(body) > LIMIT:
            return _refusal(413, f"a fault has at most {LIMIT} bytes")
        try:
            fault = Fault.read(json.loads(body))
        except FaultError as error:
            return _refusal(400, str(error))
        except ValueError as error:
            return _refusal(400, f"the fault is not JSON: {error}")
        return _json(201, self.world.faults.add(fault).to_json())

    def _crash(self, function: str) -> None:
        self.world.service(Lambda).pool.crash(function)


def _json(status: int, value: Any) -> Reply:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Reply(status, headers, json.dumps(value).encode())


def _refusal(status: int, message: str) -> Reply:
    return _json(status, {"error": message})
