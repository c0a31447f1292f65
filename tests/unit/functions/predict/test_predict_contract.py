"""What a row must be, and how the model gets to see it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.functions.predict.predict_bundle import FEATURES, ROOT, TOY, contract, errors


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (["1.50", "3", "0"], "1.5,3,0.0"),
        (["+1", "3.0", "-0.25"], "1.0,3,-0.25"),
        ([" 1e1 ", "\t9", ".5"], "10.0,9,0.5"),
        (["100", "1E0", "1."], "100.0,1,1.0"),
    ],
)
def test_a_row_of_text_becomes_canonical(cells: list[str], written: str) -> None:
    assert TOY.read_cells(cells, 1) == written


@pytest.mark.parametrize(
    ("cells", "column", "message"),
    [
        (["0", "1", "0"], "size", "row 7, size: 0 is not above the exclusive minimum 0"),
        (["100.1", "1", "0"], "size", "row 7, size: 100.1 is above the maximum 100"),
        (["1", "0", "0"], "count", "row 7, count: 0 is below the minimum 1"),
        (["1", "10", "0"], "count", "row 7, count: 10 is not below the exclusive maximum 10"),
        (["1", "2.5", "0"], "count", "row 7, count: 2.5 is not a whole number"),
        (["", "1", "0"], "size", "row 7, size: is blank"),
        (["1", "1", " \t"], "change", "row 7, change: is blank"),
        (["nan", "1", "0"], "size", 'row 7, size: "nan" is not a number'),
        (["1", "1", "inf"], "change", 'row 7, change: "inf" is not a number'),
        (["1", "1", "-Infinity"], "change", 'row 7, change: "-Infinity" is not a number'),
        (["1", "1", "0x10"], "change", 'row 7, change: "0x10" is not a number'),
        (["1_0", "1", "0"], "size", 'row 7, size: "1_0" is not a number'),
        (["١", "1", "0"], "size", 'row 7, size: "\\u0661" is not a number'),
        (["1", "1", "1e400"], "change", "row 7, change: is too large for a number"),
        (["1", "1", "x" * 80], "change", 'row 7, change: "' + "x" * 36 + "... is not a number"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(cells: list[str], column: str, message: str) -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        TOY.read_cells(cells, 7)
    assert refusal.value.message == message
    assert (refusal.value.status, refusal.value.code) == (422, "ContractViolated")
    assert (refusal.value.row, refusal.value.column) == (7, column)


@pytest.mark.parametrize(("count", "said"), [(1, "1 column,"), (2, "2 columns,"), (4, "4 columns,")])
@pytest.mark.parametrize("reads", ["read_cells", "read_instance"])
def test_a_wrong_number_of_columns_is_counted(reads: str, count: int, said: str) -> None:
    row = ["1"] * count if reads == "read_cells" else [1] * count
    with pytest.raises(errors.RefusedError) as refusal:
        getattr(TOY, reads)(row, 2)
    assert refusal.value.message == f"row 2 has {said} the model takes 3: size, count, change"
    assert (refusal.value.status, refusal.value.row, refusal.value.column) == (422, 2, None)


@pytest.mark.parametrize("instance", [[1.5, 3, 0], {"change": 0, "count": 3.0, "size": 1.5}])
def test_an_instance_is_a_list_or_an_object_in_any_order(instance: object) -> None:
    assert TOY.read_instance(instance, 1) == "1.5,3,0.0"


@pytest.mark.parametrize(
    ("instance", "column", "message"),
    [
        ([True, 1, 0], "size", "row 1, size: must be a number, not a boolean"),
        (["1", 1, 0], "size", "row 1, size: must be a number, not text"),
        ([[1], 1, 0], "size", "row 1, size: must be a number, not a list"),
        ([{}, 1, 0], "size", "row 1, size: must be a number, not an object"),
        ([1, 1, None], "change", "row 1, change: is null"),
        ([1, 1, 10**400], "change", "row 1, change: is too large for a number"),
        ([1, 1, math.inf], "change", "row 1, change: is too large for a number"),
        ({"size": 1, "count": 1}, "change", "row 1 lacks change"),
        ({"change": 1, "color": 1}, "size", "row 1 lacks size, count"),
        ({"size": 1, "count": 1, "change": 1, "color": 1}, None, 'row 1: the model has no feature "color"'),
        (1.5, None, "row 1: an instance must be an object or a list of values"),
        (None, None, "row 1: an instance must be an object or a list of values"),
    ],
)
def test_an_instance_that_does_not_fit_is_named(instance: object, column: str | None, message: str) -> None:
    with pytest.raises(errors.RefusedError) as refusal:
        TOY.read_instance(instance, 1)
    assert (refusal.value.message, refusal.value.column) == (message, column)
    assert refusal.value.status == 422


def test_a_whole_number_beyond_a_floats_grasp_is_refused() -> None:
    counter = contract.Contract([contract.Feature({"name": "n", "type": "integer"})])
    assert counter.read_cells(["9007199254740991"], 1) == "9007199254740991"
    for cell in ("9007199254740992", "-1e300"):
        with pytest.raises(errors.RefusedError, match="too large for an exact whole number"):
            counter.read_cells([cell], 1)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_model_reads_exactly_the_callers_number(number: float) -> None:
    row = contract.Contract([contract.Feature({"name": "x", "type": "number"})])
    assert float(row.read_cells([repr(number)], 1)) == number
    assert row.read_instance([number], 1) == row.read_cells([repr(number)], 1)


@given(st.text(max_size=12))
def test_no_text_is_taken_that_float_would_not_take_and_none_becomes_infinite(cell: str) -> None:
    row = contract.Contract([contract.Feature({"name": "x", "type": "number"})])
    try:
        written = row.read_cells([cell], 1)
    except errors.RefusedError:
        return
    assert float(written) == float(cell)
    assert math.isfinite(float(written))


def _written(folder: Path, document: object) -> Path:
    path = folder / "contract.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_loads_the_features_in_order(tmp_path: Path) -> None:
    loaded = contract.Contract.load(_written(tmp_path, {"version": 1, "features": FEATURES, "label": {}}))
    assert loaded.names == ("size", "count", "change")


def test_loads_the_shipped_contract() -> None:
    assert contract.Contract.load(ROOT / "model/contract.json").names


@pytest.mark.parametrize(
    "document",
    [
        "{",
        [],
        {"version": 2, "features": FEATURES},
        {"version": 1},
        {"version": 1, "features": []},
        {"version": 1, "features": ["size"]},
        {"version": 1, "features": [FEATURES[0], FEATURES[0]]},
        {"version": 1, "features": [{"type": "number"}]},
        {"version": 1, "features": [{"name": "x"}]},
        {"version": 1, "features": [{"name": "x", "type": "string"}]},
        {"version": 1, "features": [{"name": "x", "type": "number", "minimum": "0"}]},
        {"version": 1, "features": [{"name": "x", "type": "number", "maximum": True}]},
    ],
)
def test_an_unusable_contract_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(contract.ContractError):
        contract.Contract.load(_written(tmp_path, document))


def test_a_missing_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(contract.ContractError, match="can't be read: FileNotFoundError"):
        contract.Contract.load(tmp_path / "contract.json")
