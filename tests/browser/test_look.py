"""How the approval page looks and reads: pictures are kept; what makes it hard to read for somebody fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage, approve
from tests.browser.site import Server, taxi_release
from tests.fakes.story import MODEL, Story

SERIOUS = ("serious", "critical")
CROWDED = """[...document.querySelectorAll('svg')].flatMap(svg => {
    const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll('text')];
    const boxes = texts.map(text => text.getBoundingClientRect());
    return texts.filter((_, i) => boxes[i].left < frame.left - 1 || boxes[i].right > frame.right + 1 || boxes.some(
        (other, j) => j > i && Math.min(boxes[i].right, other.right) > Math.max(boxes[i].left, other.left)
            && Math.min(boxes[i].bottom, other.bottom) - Math.max(boxes[i].top, other.top) > 4
    )).map(text => text.textContent);
})"""
"""Texts of plots that run into another one, or out of the drawing."""


def complaints(page: Any) -> list[str]:
    """Return what axe finds serious, with the place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{entry['id']}: {node['target']}: {node['failureSummary']}"
        for entry in found
        if entry["impact"] in SERIOUS
        for node in entry["nodes"]
    ]


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable_for_everybody(
    story: Story, server: Server, open_page: OpenPage, shots: Path, size: str, scheme: str
) -> None:
    page = open_page(server.at(taxi_release(story)), size, color_scheme=scheme)
    page.screenshot(path=shots / f"approval-{size}-{scheme}.png", full_page=True)
    for folded in page.locator("summary").all():
        folded.click()
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate(CROWDED) == []
    assert {"Duration in minutes:", "40 and more"} <= set(page.locator("svg text").all_text_contents())
    assert "Better than the champion" in page.locator(".verdict").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_readme_shows_this_page(
    story: Story, server: Server, open_page: OpenPage, shots: Path, scheme: str
) -> None:
    """The picture is the head of the page as it stands now; `make pictures` puts it into docs/images."""
    page = open_page(server.at(taxi_release(story)), color_scheme=scheme)
    table = page.locator("section:has(#quality) table").first.bounding_box()
    assert table
    head: Any = {"x": 150, "y": 0, "width": 900, "height": round(table["y"] + table["height"]) + 24}
    page.screenshot(path=shots / f"readme-approval-{scheme}.png", clip=head, scale="css")
    assert page.get_by_role("heading", name="Candidate and champion").is_visible()


def test_axe_would_find_what_is_serious(story: Story, server: Server, open_page: OpenPage) -> None:
    """GIVEN a page whose fields have lost their labels THEN axe says so: it does look."""
    page = open_page(server.at(taxi_release(story)))
    page.evaluate("document.querySelectorAll('label').forEach(label => label.remove())")
    assert any(entry.startswith("label:") for entry in complaints(page))


def test_on_paper_everything_is_open_and_nothing_is_dark(
    story: Story, server: Server, open_page: OpenPage, shots: Path
) -> None:
    page = open_page(server.at(taxi_release(story)), color_scheme="dark")
    page.emulate_media(media="print")
    page.screenshot(path=shots / "approval-print.png", full_page=True)
    page.pdf(path=shots / "approval.pdf", format="A4")
    assert page.locator("form").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.get_by_text("Passengers: 5").last.is_visible()


def test_plots_have_names_and_descriptions(story: Story, server: Server, open_page: OpenPage) -> None:
    page = open_page(server.at(taxi_release(story)))
    for plot in page.locator("svg").all():
        assert plot.get_attribute("role") == "img"
    page.get_by_role("img", name="Candidate against champion", exact=True).wait_for()
    assert page.locator("svg").count() == 4


def test_the_policy_of_the_page_lets_no_script_run(story: Story, server: Server, open_page: OpenPage) -> None:
    """GIVEN evidence full of scripts THEN they are shown as text, and what is added later is blocked, too."""
    hostile = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    page = open_page(server.at(taxi_release(story, championObstacle=hostile)))
    assert hostile in page.locator(".verdict").inner_text()
    assert page.locator("script").count() == 0
    assert page.title().startswith(MODEL)
    unwatched = page.context.new_page()  # the browser complains of what it blocks
    unwatched.goto(page.url)
    unwatched.evaluate("""() => {
        const script = document.createElement('script'); script.textContent = "document.title = 'taken'";
        const button = document.createElement('button'); button.setAttribute('onclick', "document.title = 'taken'");
        document.body.append(script, button); button.click();
    }""")
    assert unwatched.title().startswith(MODEL)


def test_a_person_without_scripts_decides(story: Story, server: Server, open_page: OpenPage, shots: Path) -> None:
    page = open_page(server.at(taxi_release(story)), java_script_enabled=False)
    approve(page)
    page.screenshot(path=shots / "approved.png", full_page=True)
    assert [answer["decision"] for _, answer in story.outside.executions.answers][-1] == "approved"


def test_a_wrong_name_is_said_beside_the_form(story: Story, server: Server, open_page: OpenPage, shots: Path) -> None:
    page = open_page(server.at(taxi_release(story)), "phone")
    page.get_by_label("Type the model's name").fill("another")
    page.get_by_label("Your name").fill("Ada Lovelace")
    with page.expect_response(lambda answer: answer.status == 422):
        page.get_by_role("button", name="Approve").click()
    alert = page.get_by_role("alert")
    assert MODEL in alert.inner_text()
    place = alert.bounding_box()
    assert place
    assert page.viewport_size
    assert 0 <= place["y"] < page.viewport_size["height"], "what is wrong is seen without scrolling"
    assert page.title().startswith("Nothing decided: ")
    assert page.get_by_label("Your name").input_value() == "Ada Lovelace"
    assert complaints(page) == []
    page.screenshot(path=shots / "refused-phone.png")
