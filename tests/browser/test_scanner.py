"""Mail protection that opens links in a real browser: it runs scripts, follows, fills, presses and submits.

It must not decide; a person must still be able to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Response
from safe_deploy.domain.approval import Approval
from safe_deploy.domain.decision import ApprovalState

from tests.approval.scanner import ADDRESSES, AGENTS, GUESSES
from tests.browser.conftest import OpenPage, approve
from tests.browser.site import ADDRESS, Server, taxi_release
from tests.fakes.story import MODEL, SECOND, Story

INPUTS = "input:not([type=hidden])"


def approval(story: Story) -> Approval:
    """The second release's approval as it stands."""
    return story.outside.memory.approvals[story.outside.releases.get(SECOND).item["approvalId"]]


def bare(form: Locator) -> None:
    """Send it with nothing filled in, as a script can and the person at the page can't."""
    form.evaluate("form => { for (const field of form.elements) field.removeAttribute('required'); form.submit(); }")


def ways(form: Locator, guess: str) -> Iterator[Callable[[], None]]:
    """Whatever somebody who knows nothing can do to a form."""

    def fill() -> None:
        for field in form.locator(f"{INPUTS}, textarea").all():
            field.fill(guess)

    def press(button: int) -> None:
        fill()
        form.locator("button").nth(button).click()

    def enter(field: int) -> None:
        fill()
        form.locator(INPUTS).nth(field).press("Enter")

    yield partial(bare, form)
    yield partial(form.evaluate, "form => form.requestSubmit()")
    yield from (partial(press, place) for place in range(form.locator("button").count()))
    yield from (partial(enter, place) for place in range(form.locator(INPUTS).count()))


def scan(open_page: OpenPage, link: str, address: str, agent: str, guess: str) -> list[int]:
    """Look at a link as one such service does, from one address; the statuses that came back."""
    options = {"extra_http_headers": {ADDRESS: address}, "user_agent": agent or "-"}
    statuses: list[int] = []

    def note(answer: Response) -> None:
        statuses.append(answer.status)

    page = open_page(link, **options)
    statuses.append(page.request.head(link).status)
    page.on("response", note)
    for href in [anchor.get_attribute("href") or "" for anchor in page.locator("a[href]").all()]:
        if not urlsplit(href).scheme:
            page.goto(link)
            page.locator(f'a[href="{href}"]').first.click()
    page.goto(link)
    forms = [page.locator("form").nth(place) for place in range(page.locator("form").count())]
    for way in [way for form in forms for way in ways(form, guess)]:
        page.goto(link)
        if page.locator("form").count() == 0:
            break
        way()
        page.wait_for_timeout(300)
    return statuses


def test_a_scanner_with_scripts_decides_nothing_and_a_person_decides_after_it(
    story: Story, server: Server, open_page: OpenPage
) -> None:
    link = server.at(taxi_release(story))
    statuses: list[int] = []
    for place, address in enumerate(ADDRESSES):
        statuses += scan(open_page, link, address, AGENTS[place], GUESSES[place])
        assert approval(story).state is ApprovalState.PENDING
        assert approval(story).decisions == ()
    assert {200, 422} <= set(statuses), "it did send the forms"
    assert set(statuses) <= {200, 422, 429}
    approve(open_page(link))


def test_the_scanner_would_decide_if_it_knew_what_to_write(story: Story, server: Server, open_page: OpenPage) -> None:
    """The test above is worth something only if its scanner works the page as a person would."""
    scan(open_page, server.at(taxi_release(story)), ADDRESSES[0], AGENTS[0], MODEL)
    assert approval(story).state is ApprovalState.APPROVED


def test_nothing_on_the_page_acts_by_itself(story: Story, server: Server, open_page: OpenPage) -> None:
    """GIVEN a page left open in a browser that runs everything THEN it sends no request of its own."""
    page = open_page(server.at(taxi_release(story)))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.mouse.move(200, 200)
    page.mouse.wheel(0, 4000)
    page.wait_for_timeout(1500)
    assert sent == []
    assert approval(story).state is ApprovalState.PENDING
