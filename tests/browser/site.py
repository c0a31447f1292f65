"""The approval pages over real HTTP, on the handlers and their fakes: as a browser gets them, headers included."""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.fakes.story import ARTIFACTS, ENVIRONMENT, FIRST, MODEL, ROOT, SECOND, SITE, Story

TAXI: dict[str, Any] = json.loads((Path(__file__).parent / "taxi.json").read_text())
"""What the jobs left of the shipped samples: 2019 against the champion of 2018."""
SECOND_BEGAN = datetime(2026, 2, 1, 9, tzinfo=UTC)
ADDRESS = "x-address-in-tests"
"""A browser can't choose the address that it comes from; here it says one in this header."""


class Server:
    """Serves one story's pages on a port of its own."""

    def __init__(self, story: Story) -> None:
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer("show_approval", b"")

            def do_HEAD(self) -> None:
                self.answer("show_approval", b"")

            def do_POST(self) -> None:
                self.answer("decide_approval", self.rfile.read(int(self.headers.get("content-length", 0))))

            def answer(self, function: str, body: bytes) -> None:
                if not self.path.startswith("/approvals/"):
                    self.send_error(404)
                    return
                with lock:
                    answer = story.call(function, event(self, body))
                content = answer["body"].encode()
                self.send_response(answer["statusCode"])
                for name, value in answer["headers"].items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Keep quiet: links are never logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def at(self, link: str) -> str:
        """Return a mailed link as this server serves it."""
        return link.replace(SITE, self.url)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def event(request: BaseHTTPRequestHandler, body: bytes) -> dict[str, Any]:
    """Return HTTP API's event, payload format 2.0, for a request."""
    parts = urlsplit(request.path)
    found: dict[str, Any] = json.loads((ROOT / "events/show_approval/link_opened.json").read_text())
    found["rawPath"] = found["requestContext"]["http"]["path"] = parts.path
    found["requestContext"]["http"]["method"] = request.command
    found["requestContext"]["http"]["sourceIp"] = request.headers.get(ADDRESS, request.client_address[0])
    found["requestContext"]["domainName"] = request.headers.get("host", "")
    found["pathParameters"] = {"id": parts.path.rpartition("/")[2]}
    found["rawQueryString"] = parts.query
    found["queryStringParameters"] = dict(parse_qsl(parts.query))
    found["headers"] = {name.lower(): value for name, value in request.headers.items()}
    found["body"], found["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return found


def taxi_release(story: Story, **evaluation: Any) -> str:
    """Tell the story of the second release with the real figures of the samples; return the link of its mail."""
    story.policy = json.loads((ROOT / "model/policy.json").read_text())
    story.contract = json.loads((ROOT / "model/contract.json").read_text())
    story.deploy_code()
    story.until_live(metrics={"candidate": {"rmse": 3.0, "mae": 1.56, "r2": 0.948}, "champion": None})
    story.outside.clock.advance((SECOND_BEGAN - story.outside.clock.now()).total_seconds() - 3600)
    champion = f"{MODEL}-{FIRST}-prod"
    rows = [[float(value) for value in row] for row in TAXI["golden"]["rows"]]
    for place, row in enumerate(rows * 5):
        answer = sum(row) - ((place * 37) % 23) / 4
        story.capture(champion, ",".join(map(str, row)) + "\n", f"{answer}\n")
        story.outside.clock.advance(60)
    manifest = {
        "files": ["trips.csv"],
        "description": "Yellow taxi trips, February 2019",
        "requestedBy": "Grace Hopper",
    }
    story.drop("february", manifest, trips=b"trips of 2019\n")
    assert story.register(SECOND, "february")["status"] == "registered"
    story.run_jobs(SECOND)
    root = f"s3://{ARTIFACTS}/releases/{SECOND}"
    story.outside.objects.put(f"{root}/evaluation/evaluation.json", {**TAXI["evaluation"], **evaluation})
    story.outside.objects.put(f"{root}/baseline/report.json", TAXI["baseline"])
    story.outside.objects.put(f"{root}/baseline/constraint_violations.json", TAXI["violations"])
    story.outside.objects.put(f"{root}/data/report/report.json", TAXI["report"])
    story.outside.objects.put(f"{root}/data/golden/golden.json", TAXI["golden"])
    assert story.check_gates(SECOND)["passed"]
    assert story.test_endpoint(SECOND)["passed"]
    return story.ask(SECOND)


def taxi_evidence() -> dict[str, Any]:
    """The evidence that the handlers gather of that release."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        story = Story()
        taxi_release(story)
        found: dict[str, Any] = story.outside.objects.read_json(f"s3://{ARTIFACTS}/releases/{SECOND}/evidence.json")
        return found
