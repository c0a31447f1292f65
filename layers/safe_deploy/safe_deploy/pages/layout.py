"""A whole page: its frame and the headers it is sent with. Used by the approval pages."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from string import Template
from typing import Any

from safe_deploy.pages.html import escape
from safe_deploy.pages.style import STYLE

FRAME = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
"""
)

STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page and the HTTP status that it is sent with."""

    status: int
    title: str
    body: str
    """HTML; whatever comes from elsewhere is escaped in it."""

    def to_output(self) -> dict[str, Any]:
        """Return the page as API Gateway's HTTP API takes it."""
        whole = FRAME.substitute(title=escape(self.title), style=STYLE, body=self.body)
        return {"statusCode": self.status, "headers": dict(HEADERS), "body": whole, "isBase64Encoded": False}


def message(status: int, title: str, *paragraphs: str) -> Page:
    """Return a page of plain sentences."""
    text = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return Page(status, title, f"<h1>{escape(title)}</h1>\n{text}")
