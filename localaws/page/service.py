"""The page at the front door's address, for a person's browser and for tests: what goes on in this world.

Reading changes nothing. The only buttons confirm or end a subscription by e-mail, by POST.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from botocore.exceptions import ClientError
from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape
from moto.core.request import Request

from localaws.front_door.protocol import Reply
from localaws.mail.service import Mail
from localaws.page.data import Data
from localaws.page.links import linked
from localaws.page.timeline import ROW, WIDTH, bars
from localaws.service import Service

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.page")
OWN = "/_localaws/"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
MAIL_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'"
Mounted = Callable[[Request, str], Reply]
Reading = Callable[[str, dict[str, str]], "Reply | None"]


class Page(Service):
    """Answers whatever isn't signed."""

    name: ClassVar[str] = "page"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._data = Data(world)
        self._templates = Environment(
            loader=PackageLoader("localaws.page"),
            autoescape=True,
            trim_blocks=True,
        )
        self._templates.filters["linked"] = linked
        self._templates.filters["path"] = lambda text: quote(str(text), safe="")
        self._templates.filters["pretty"] = _pretty
        self._mounted: dict[str, Mounted] = {}
        self._reads: dict[str, Reading] = {
            "inbox": self._inbox,
            "mail": self._mail,
            "subscriptions": self._subscription,
            "executions": self._execution,
            "permissions": self._permissions,
            "deliveries": self._deliveries,
        }

    def start(self) -> None:
        self.world.front_door.page = self.answer

    def mount(self, name: str, mounted: Mounted) -> None:
        """Give an API of localaws's own the path `/_localaws/{name}` and what lies below it."""
        self._mounted[name] = mounted

    def answer(self, request: Request) -> Reply:
        """Answer a browser."""
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
        if host not in ("localhost", "127.0.0.1"):
            return self._message(403, f"This page is for localhost, not for {host}.")
        kind, _, rest = request.path.removeprefix(OWN).partition("/")
        if request.path.startswith(OWN) and kind in self._mounted:
            return self._mounted[kind](request, unquote(rest))
        query = {
            name: values[-1] for name, values in parse_qs(request.query_string.decode(), keep_blank_values=True).items()
        }
        try:
            if request.method == "POST":
                return self._post(request)
            if request.method not in ("GET", "HEAD"):
                return self._message(405, f"{request.method} is not for this page.")
            found = self._get(request.path, query)
        except ClientError as error:
            log.info("page %s: %s", request.path, error)
            return self._message(404, str(error))
        return found or self._message(404, "There is no such page. AWS requests must be signed.")

    def _get(self, path: str, query: dict[str, str]) -> Reply | None:
        if path == "/":
            recent = {"deliveries": self._data.deliveries()[:10], "mails": self._messages()[-10:][::-1]}
            values: dict[str, Any] = {**self._data.overview(), **recent, "refresh": "refresh" in query}
            return self._page("overview.html", **values)
        if path == f"{OWN}style.css":
            return Reply(
                200,
                {"Content-Type": "text/css"},
                resources.files("localaws.page").joinpath("style.css").read_bytes(),
            )
        if not path.startswith(OWN):
            return None
        kind, _, rest = path.removeprefix(OWN).partition("/")
        if kind.endswith(".json") and not rest:
            return self._json(kind.removesuffix(".json"), query)
        read = self._reads.get(kind)
        return read(unquote(rest), query) if read else None

    def _json(self, kind: str, query: dict[str, str]) -> Reply | None:
        sources: dict[str, Callable[[], Any]] = {
            "inbox": lambda: [message.to_json() for message in self._messages()],
            "permissions": lambda: [
                {**asdict(permission), "count": count}
                for permission, count in self._data.permissions(query.get("filter", ""))
            ],
            "deliveries": lambda: [asdict(delivery) for delivery in self._data.deliveries()],
            "executions": self._data.executions,
            "alarms": self._data.alarms,
            "overview": self._data.overview,
        }
        if kind not in sources:
            return None
        body = json.dumps(sources[kind](), default=str)
        return Reply(200, {"Content-Type": "application/json", "Cache-Control": "no-store"}, body.encode())

    def _post(self, request: Request) -> Reply:
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.headers.get("Host"):
            return self._message(403, "This form was not sent from this page.")
        mail = self._mail_service()
        if mail is not None and request.path == f"{OWN}confirm-subscriptions":
            confirmed = mail.confirm_all()
            return self._message(200, f"Confirmed: {', '.join(confirmed) or 'nothing was waiting'}.")
        token = request.path.removeprefix(f"{OWN}subscriptions/")
        found = mail.subscriptions.by_token(token) if mail else None
        if mail is None or found is None:
            return self._message(404, "There is no such subscription.")
        wanted = parse_qs(request.get_data(as_text=True)).get("action", [""])[-1]
        if wanted == "confirm":
            mail.confirm(token)
            return self._message(200, f"{found.address} is subscribed to {found.topic}.")
        if wanted == "leave":
            self.world.client("sns").unsubscribe(SubscriptionArn=found.arn)
            return self._message(200, f"{found.address} is no longer subscribed to {found.topic}.")
        return self._message(400, "Say what to do: confirm or leave.")

    def _inbox(self, message_id: str, _query: dict[str, str]) -> Reply | None:
        mail = self._mail_service()
        if not message_id:
            waiting = [held for held in mail.subscriptions.all() if not held.confirmed] if mail else []
            return self._page("inbox.html", mails=self._messages()[::-1], waiting=waiting)
        message = mail.inbox.find(message_id) if mail else None
        return self._page("message.html", mail=message) if message else None

    def _mail(self, message_id: str, _query: dict[str, str]) -> Reply | None:
        """The HTML body of a mail, by itself and in a sandbox."""
        mail = self._mail_service()
        message = mail.inbox.find(message_id) if mail else None
        if message is None:
            return None
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": MAIL_POLICY}
        return Reply(200, headers, message.html.encode())

    def _subscription(self, token: str, _query: dict[str, str]) -> Reply | None:
        mail = self._mail_service()
        found = mail.subscriptions.by_token(token) if mail else None
        return self._page("subscription.html", held=found) if found else None

    def _execution(self, arn: str, _query: dict[str, str]) -> Reply | None:
        found = self._data.execution(arn)
        drawn = bars(found["events"], found["status"], self.world.clock.now())
        size = {"width": WIDTH, "height": max(1, len(drawn)) * ROW, "row": ROW}
        return self._page("execution.html", execution=found, bars=drawn, size=size)

    def _permissions(self, _rest: str, query: dict[str, str]) -> Reply | None:
        text = query.get("filter", "")
        return self._page("permissions.html", used=self._data.permissions(text), text=text)

    def _deliveries(self, _rest: str, _query: dict[str, str]) -> Reply | None:
        return self._page("deliveries.html", deliveries=self._data.deliveries())

    def _messages(self) -> list[Any]:
        mail = self._mail_service()
        return list(mail.inbox.messages()) if mail else []

    def _mail_service(self) -> Mail | None:
        found = self.world.services.get(Mail.name)
        return found if isinstance(found, Mail) else None

    def _message(self, status: int, text: str) -> Reply:
        return self._page("notice.html", status=status, text=text)

    def _page(self, template: str, *, status: int = 200, **values: Any) -> Reply:
        about = {"endpoint": self.world.endpoint, "scale": self.world.clock.scale, "own": OWN}
        body = self._templates.get_template(template).render(about=about, **values)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return Reply(status, headers, body.encode())


def _pretty(text: str | None) -> Markup:
    """JSON in lines, other text as it stands."""
    with suppress(ValueError):
        text = json.dumps(json.loads(text or ""), indent=2, ensure_ascii=False)
    return escape(text or "")
