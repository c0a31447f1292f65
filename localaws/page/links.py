"""Makes the addresses in a plain text clickable. Used by the page's templates."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


def linked(text: str) -> Markup:
    """The text, escaped, with a link for each http(s) address in it."""
    pieces, end = [], 0
    for found in ADDRESS.finditer(text):
        pieces.append(escape(text[end : found.start()]))
        pieces.append(Markup('<a href="{0}">{0}</a>').format(found.group()))
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])
