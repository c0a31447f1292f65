"""A whole page: its frame, its style and the headers it is sent with. Used by the approval pages."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from string import Template
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #d0d7de;
  --panel: #f6f8fa; --no: #b42318; --focus: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --paper: #0d1117;
  --line: #3d444d; --panel: #161b22; --no: #da3633; --focus: #79c0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
.soft { color: var(--soft); }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .75rem 1rem; margin: 1rem 0; }
.problem { border-left: .375rem solid var(--no); }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .375rem .75rem .375rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; }
code { font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
label { display: block; font-weight: 600; margin: 1rem 0 .25rem; }
input, textarea { width: 100%; font: inherit; color: inherit; background: var(--paper);
  padding: .5rem .625rem; border: 1px solid var(--soft); border-radius: .375rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button { font: inherit; font-weight: 600; color: #ffffff; border: 0; border-radius: .375rem;
  cursor: pointer; min-height: 2.75rem; padding: .5rem 1.5rem; }
button.yes { background: #1a7f37; }
button.no { background: #b42318; }
:focus-visible { outline: .1875rem solid var(--focus); outline-offset: .125rem; }
"""

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


def escape(text: object) -> str:
    """Return text as it may stand in HTML, inside tags' quotes too."""
    return html.escape(str(text), quote=True)


def message(status: int, title: str, *paragraphs: str) -> Page:
    """Return a page of plain sentences."""
    text = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return Page(status, title, f"<h1>{escape(title)}</h1>\n{text}")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table of escaped cells; the first column names the row, the others hold figures."""
    head = "".join(
        f'<th scope="col"{"" if place == 0 else NUMBER}>{escape(text)}</th>' for place, text in enumerate(heads)
    )
    body = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td{NUMBER}>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


NUMBER = ' class="number"'
