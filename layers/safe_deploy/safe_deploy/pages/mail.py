"""A notice as HTML, for mail programs. Used by the functions that mail approvers."""

from __future__ import annotations

from safe_deploy.domain.notices import Notice
from safe_deploy.pages.html import escape

STYLE = "font:16px/1.5 system-ui,sans-serif;max-width:40em"
BUTTON = "display:inline-block;padding:8px 24px;background:#0550ae;color:#ffffff;border-radius:6px"


def as_html(notice: Notice, link: str) -> str:
    """Return a notice's text as HTML, its link as a button besides. Nothing is loaded from anywhere.

    Amazon SES isn't to lead the link, which is a secret, through its click tracking.
    """
    paragraphs = [escape(text).replace("\n", "<br>\n") for text in notice.text.strip().split("\n\n")]
    body = "\n".join(f"<p>{text}</p>" for text in paragraphs)
    button = f'<p><a ses:no-track style="{BUTTON}" href="{escape(link)}">Look at the evidence</a></p>'
    title = escape(notice.subject)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f'<body style="{STYLE}">\n<h1 style="font-size:20px">{title}</h1>\n{body}\n{button}\n</body></html>\n'
    )
