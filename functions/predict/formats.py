"""CSV and JSON in and out: what the API takes, what both sides answer. Called by `service`."""

from __future__ import annotations

import csv
import io
import json
from math import isfinite

from errors import ModelAnswerError, RefusedError

TYPE_CHECKING = False  # typing itself costs milliseconds of every cold start
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from contract import Contract

CSV, JSON = "text/csv", "application/json"
encode_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def read_rows(content_type: str, body: bytes, contract: Contract) -> list[str]:
    """The request's rows, checked and each in the form the model reads; raises `RefusedError`."""
    media_type, parameters = _media_type(content_type)
    if media_type not in (CSV, JSON):
        raise RefusedError(415, "UnsupportedMediaType", f"Content-Type must be {CSV} or {JSON}")
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise RefusedError(415, "UnsupportedMediaType", "the charset must be utf-8")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _invalid("the body is not UTF-8") from None
    if not text.strip():
        raise _invalid("the body is empty")
    return _read_csv(text, contract) if media_type == CSV else _read_json(text, contract)


def answers_csv(accept: str) -> bool:
    """Whether an Accept header asks for CSV rather than JSON, which everybody else gets.

    The higher q wins, then the one named first; `*/*` and what we can't offer mean JSON.
    """
    best = {CSV: (0.0, 0), JSON: (0.0, 0)}
    specificity = {CSV: 0, JSON: 0}
    for position, item in enumerate(accept.split(",")):
        media_range, parameters = _media_type(item)
        quality = _quality(parameters.get("q", "1"))
        for offer in best:
            rank = {"*/*": 1, offer.split("/")[0] + "/*": 2, offer: 3}.get(media_range, 0)
            if rank > specificity[offer]:
                specificity[offer] = rank
                best[offer] = (quality, -position)
    return best[CSV][0] > 0 and best[CSV] > best[JSON]


def write_scores(scores: list[float], release: str, *, as_csv: bool) -> tuple[str, str]:
    """Content type and body of the answer."""
    if as_csv:
        return CSV, "".join([f"{score!r}\n" for score in scores])
    return JSON, encode_json({"predictions": [{"score": score} for score in scores], "release": release})


def read_scores(body: bytes, rows: int) -> list[float]:
    """The scores in the model's CSV answer, one for each row; raises `ModelAnswerError`."""
    cells = body.replace(b",", b"\n").split()
    if len(cells) != rows:
        raise ModelAnswerError(f"the model answered {len(cells)} scores for {rows} rows")
    try:
        scores = [float(cell) for cell in cells]
    except ValueError:
        raise ModelAnswerError("the model answered something that is not a number") from None
    if not all(map(isfinite, scores)):
        raise ModelAnswerError("the model answered a number that is not finite")
    return scores


def _read_csv(text: str, contract: Contract) -> list[str]:
    rows: list[str] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True):
            if not cells:
                continue  # an empty line; rows are counted without them, as the answer's are
            try:
                rows.append(contract.read_cells(cells, len(rows) + 1))
            except RefusedError:
                if not rows and _is_header(cells, contract):
                    raise _invalid(
                        "row 1 looks like a header: send rows of numbers only, in the order "
                        + ", ".join(contract.names),
                        row=1,
                    ) from None
                raise
    except csv.Error as error:
        raise _invalid(f"row {len(rows) + 1} is not valid CSV: {error}", row=len(rows) + 1) from None
    if not rows:
        raise _invalid("the body has no rows")
    return rows


def _is_header(cells: list[str], contract: Contract) -> bool:
    names = [cell.strip().lower() for cell in cells]
    if not {name.lower() for name in contract.names}.isdisjoint(names):
        return True
    return all(name.isidentifier() and name not in ("nan", "inf", "infinity") for name in names)


def _read_json(text: str, contract: Contract) -> list[str]:
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise _invalid("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise _invalid(f"the body is not valid JSON: {error.msg} at {where}") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise _invalid("the body holds a number that is too long") from None
    if not isinstance(document, dict) or document.keys() != {"instances"}:
        raise _invalid('the body must be {"instances": [...]} and nothing else')
    instances = document["instances"]
    if not isinstance(instances, list) or not instances:
        raise _invalid("instances must be a list of at least one instance")
    return [contract.read_instance(instance, row) for row, instance in enumerate(instances, 1)]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _invalid("an object in the body has the same key twice")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise _invalid("NaN and Infinity are not JSON: every value must be a finite number")


def _invalid(message: str, *, row: int | None = None) -> RefusedError:
    return RefusedError(400, "InvalidRequest", message, row=row)


def _media_type(header: str) -> tuple[str, dict[str, str]]:
    name, *rest = header.split(";")
    parameters = {}
    for parameter in rest:
        key, _, value = parameter.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return name.strip().lower(), parameters


def _quality(text: str) -> float:
    try:
        return max(0.0, min(1.0, float(text)))
    except ValueError:
        return 0.0
