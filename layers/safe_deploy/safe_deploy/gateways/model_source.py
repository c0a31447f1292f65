"""The layer `model_source`: the user's model/ and our jobs/, as files. Used by register_drop."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from safe_deploy.domain.source import Source
from safe_deploy.errors import ConfigurationError

FOLDERS = ("model", "jobs")


def read_source() -> Source:
    """Return the files of model/ and jobs/ by path. Raises ConfigurationError when the layer isn't there."""
    try:
        root = files("model_source")
    except ModuleNotFoundError as error:
        raise ConfigurationError("the function lacks the layer model_source") from error
    return {path: content for folder in FOLDERS for path, content in _files(root / folder, folder)}


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        place = f"{path}/{entry.name}"
        if entry.is_dir():
            yield from _files(entry, place)
        else:
            yield place, entry.read_bytes()
