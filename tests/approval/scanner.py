"""A mail scanner, as protection services behave: looks, opens, follows links, sends every form as it finds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Protocol
from urllib.parse import urldefrag, urljoin

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; LinkGuard/2.1)",
    "python-requests/2.32",
    "",
)
ADDRESSES = ("198.51.100.7", "198.51.100.8", "203.0.113.9")
GUESSES = ("", "test", "a", "admin@example.com", "1")
"""What a scanner that fills in empty fields may write there."""


class Browser(Protocol):
    """How a scanner reaches a page: status and text."""

    def __call__(
        self, method: str, url: str, form: dict[str, str] | None, address: str, agent: str, /
    ) -> tuple[int, str]: ...


@dataclass
class Form:
    """A form as it stands in a page."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    fillable: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def sendings(self) -> Iterator[dict[str, str]]:
        """Every way to send it without knowing what it is about: each button, each filling."""
        for name, value in [*self.buttons, ("", "")]:
            for guess in GUESSES:
                pressed = {name: value} if name else {}
                yield {**self.fields, **dict.fromkeys(self.fillable, guess), **pressed}


class Page(HTMLParser):
    """Links and forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "form":
            self.forms.append(Form(found.get("method", "get").upper(), urldefrag(found.get("action", "")).url))
        if not self.forms or not found.get("name"):
            return
        if tag == "button":
            self.forms[-1].buttons.append((found["name"], found.get("value", "")))
        elif tag in ("input", "textarea", "select"):
            self.forms[-1].fields[found["name"]] = found.get("value", "")
            if found.get("type") != "hidden":
                self.forms[-1].fillable.append(found["name"])


def scan(browser: Browser, url: str, addresses: tuple[str, ...], depth: int = 3) -> list[int]:
    """Do to a link what scanners do, from each address; return every status that came back."""
    statuses = []
    for place, address in enumerate(addresses):
        agent = AGENTS[place % len(AGENTS)]
        statuses += [browser("HEAD", url, None, address, agent)[0]]
        statuses += _walk(browser, url, address, agent, depth, set())
    return statuses


def _walk(browser: Browser, url: str, address: str, agent: str, depth: int, seen: set[str]) -> list[int]:
    if depth == 0 or url in seen:
        return []
    seen.add(url)
    status, text = browser("GET", url, None, address, agent)
    statuses, page = [status], Page(text)
    for link in page.links:
        statuses += _walk(browser, urljoin(url, link), address, agent, depth - 1, seen)
    for form in page.forms:
        for sending in form.sendings():
            status, answer = browser(form.method, urljoin(url, form.action), sending, address, agent)
            statuses.append(status)
            for again in Page(answer).forms:
                target = urljoin(url, again.action)
                statuses.append(browser(again.method, target, next(again.sendings()), address, agent)[0])
    return statuses
