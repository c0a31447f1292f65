"""The code that a release runs: its digest and its archive. Used by register_drop."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

Source = Mapping[str, bytes]
"""Files by their path under the code channel, such as model/train.py."""

TRAINING_PROGRAM = "train.py"
"""At the archive's root: the XGBoost image runs the program as a module, and a path is no module's name."""


def code_digest(source: Source) -> str:
    """Return one digest over the names and contents of all files."""
    found = hashlib.sha256()
    for name in sorted(source):
        content = hashlib.sha256(source[name]).hexdigest()
        found.update(f"{content}  {name}\n".encode())
    return found.hexdigest()


def archive(source: Source) -> bytes:
    """Return sourcedir.tar.gz: the files, and jobs/train.py once more as the training program.

    The bytes are the same for the same files, whenever and wherever it is made.
    """
    files = {**source, TRAINING_PROGRAM: source["jobs/train.py"]}
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    return packed.getvalue()
