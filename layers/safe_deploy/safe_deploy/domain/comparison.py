"""The evaluation job's comparison of candidate and champion, strictly read. Used by gates.py and the evidence."""

from __future__ import annotations

from typing import Any

from safe_deploy.domain.fields import Fields, oddity

VERDICTS = ("better", "worse", "same", "unknown")
TEXT_LIMIT = 200
NAME_LIMIT = 100


def parse(given: Fields) -> dict[str, Any]:
    """Return `comparison` of evaluation.json, and nothing else that stands there.

    Raises InvalidRequestError, naming the key that is wrong.
    """
    method, metrics = given.object("method"), given.object("metrics")
    return {
        "method": {
            key: method.number(key, minimum=0)
            for key in ("resamples", "rowsEach", "sliceResamples", "sliceRowsEach", "confidence", "seed")
        },
        "metrics": {name: _metric(metrics.object(name)) for name in metric_names(metrics)},
        "sliceMetric": given.line("sliceMetric", maximum=TEXT_LIMIT),
        "slices": [_slice(entry) for entry in given.objects("slices")],
    }


def metric_names(section: Fields) -> list[str]:
    """Return the keys of a section, which stand in pages, mails and lists. Raises InvalidRequestError."""
    for name in section:
        if len(name) > NAME_LIMIT:
            section.fail(name, f"must have at most {NAME_LIMIT} characters")
        if found := oddity(name):
            section.fail(name, f"must be a name on one line, without {found}")
    return list(section)


def _metric(given: Fields) -> dict[str, Any]:
    return {
        "better": given.choice("better", ("lower", "higher")),
        **{key: _estimate(given, key) for key in ("candidate", "champion", "difference")},
        "verdict": given.choice("verdict", VERDICTS),
    }


def _slice(given: Fields) -> dict[str, Any]:
    return {
        **{key: given.line(key, maximum=TEXT_LIMIT) for key in ("slice", "value")},
        "rows": given.integer("rows", minimum=0, maximum=10**12),
        **{key: _estimate(given, key) for key in ("candidate", "champion", "difference")},
        "verdict": given.choice("verdict", VERDICTS),
        "note": given.line("note", maximum=TEXT_LIMIT) if given.value("note") else "",
    }


def _estimate(given: Fields, key: str) -> dict[str, float | None] | None:
    if given.value(key) is None:
        return None
    estimate = given.object(key)
    return {
        "value": estimate.number("value"),
        **{edge: None if estimate.value(edge) is None else estimate.number(edge) for edge in ("low", "high")},
    }
