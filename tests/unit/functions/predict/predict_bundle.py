"""The inference Lambda's modules, for the tests beside this file.

Loaded under their own short names, as in the bundle, and taken out of `sys.modules` again: other folders have
an `app` or a `contract` too.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "functions/predict"
NAMES = [path.stem for path in FOLDER.glob("*.py")]


def _load() -> dict[str, Any]:
    hidden = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    sys.path.insert(0, str(FOLDER))
    try:
        return {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)


_modules = _load()
app: Any = _modules["app"]
contract: Any = _modules["contract"]
endpoint: Any = _modules["endpoint"]
errors: Any = _modules["errors"]
formats: Any = _modules["formats"]
http1: Any = _modules["http1"]
request_log: Any = _modules["request_log"]
service: Any = _modules["service"]
sigv4: Any = _modules["sigv4"]

FEATURES = [
    {"name": "size", "type": "number", "exclusiveMinimum": 0, "maximum": 100},
    {"name": "count", "type": "integer", "minimum": 1, "exclusiveMaximum": 10},
    {"name": "change", "type": "number"},
]
TOY = contract.Contract([contract.Feature(feature) for feature in FEATURES])
