"""Small pieces of HTML, each escaped. Used by every page and section."""

from __future__ import annotations

import html
from collections.abc import Sequence

from safe_deploy.domain.figures import UNKNOWN


def escape(text: object) -> str:
    """Return text as it may stand in HTML, inside tags' quotes too."""
    return html.escape(str(text), quote=True)


def section(anchor: str, title: str, *parts: str) -> str:
    """Return a section with its heading; the parts are HTML."""
    body = "\n".join(part for part in parts if part)
    return f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{escape(title)}</h2>\n{body}\n</section>'


def paragraph(text: str, classes: str = "") -> str:
    """Return a paragraph of plain text."""
    return f"<p{_class(classes)}>{escape(text)}</p>"


def heading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def unknown(what: str) -> str:
    """Say that something isn't known, so that nobody takes silence for good news."""
    return f'<p class="soft">{escape(what)}: {UNKNOWN}.</p>'


def tag(kind: str, words: str) -> str:
    """Return a coloured word; the words alone say all that the colour does."""
    return f'<span class="tag {escape(kind)}">{escape(words)}</span>'


def cell(value: str, detail: str = "") -> str:
    """Return a cell's content: a figure, and smaller below it what belongs to it."""
    below = f'<span class="range">{escape(detail)}</span>' if detail else ""
    return f"<span>{escape(value)}{below}</span>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[int] = ()) -> str:
    """Return a table of figures; the first column names the row. Plain text is escaped here.

    Columns numbered in `words` hold text and stand left. On a phone each row becomes a card.
    """
    return rich_table(heads, [[escape(text) for text in row] for row in rows], words=words)


def rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[int] = ()) -> str:
    """Return such a table of cells that are HTML already. Its roles are written out, since cards would lose them."""

    def side(place: int) -> str:
        return "" if place == 0 or place in words else ' class="number"'

    head = "".join(
        f'<th scope="col" role="columnheader"{side(place)}>{escape(text)}</th>' for place, text in enumerate(heads)
    )
    body = "\n".join(
        f'<tr role="row"><th scope="row" role="rowheader">{row[0]}</th>'
        + "".join(
            f'<td role="cell"{side(place)} data-head="{escape(heads[place])}">{content}</td>'
            for place, content in enumerate(row[1:], 1)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<table class="cards" role="table">\n<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}\n</tbody></table>'
    )


def facts(entries: Sequence[tuple[str, str]]) -> str:
    """Return a table of names and their values, which are HTML."""
    rows = "\n".join(f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in entries)
    return f'<table class="facts"><tbody>\n{rows}\n</tbody></table>'


def folded(title: str, content: str) -> str:
    """Return content that opens on a click, without a script; on paper it is open."""
    return f"<details><summary>{escape(title)}</summary>\n{content}\n</details>"


def link(url: str, text: str) -> str:
    """Return a link that tells the other side nothing."""
    return f'<a href="{escape(url)}" rel="noreferrer noopener">{escape(text)}</a>'


def code(text: object) -> str:
    """Return text as code."""
    return f"<code>{escape(text)}</code>"


def _class(names: str) -> str:
    return f' class="{escape(names)}"' if names else ""
