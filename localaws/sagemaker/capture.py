"""Data capture: requests and answers of an endpoint as JSON lines in S3. Fed by InvokeEndpoint.

The shape of a record, the keys and the encodings follow AWS's documentation and samples of real captures.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.sagemaker.resources import SESSION, Params
from localaws.sagemaker.transfer import encryption, split_uri

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.sagemaker")
FLUSH_AFTER = 5.0
"""AWS seconds after which captured records are in S3; AWS takes up to minutes."""
SHORTEST = 1.0
"""Real seconds between two files at least, however fast time passes."""
FLUSH_AT = 1000
"""Records of one file at most."""


class Capture:
    """The captured records of one variant that aren't in S3 yet."""

    def __init__(self, world: World, role: str, endpoint: str, variant: str, config: Params) -> None:
        self._world = world
        self._role = role
        self._path = f"{endpoint}/{variant}"
        self.config = config
        self._modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        types = config.get("CaptureContentTypeHeader", {})
        self._encodings = {
            **{kind.lower(): "CSV" for kind in types.get("CsvContentTypes", [])},
            **{kind.lower(): "JSON" for kind in types.get("JsonContentTypes", [])},
        }
        self._records: list[str] = []
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._flush_all, name=f"capture {self._path}", daemon=True)
        self._thread.start()

    def wants(self) -> bool:
        """Whether this request is in the sample."""
        return random.random() * 100 < float(self.config["InitialSamplingPercentage"])  # noqa: S311

    def add(self, request: tuple[bytes, str], answer: tuple[bytes, str], meta: Params) -> None:
        """Keep a request and its answer, each as (body, content type); `meta` goes beside the event's id."""
        data: Params = {}
        if "Input" in self._modes:
            data["endpointInput"] = self._side("INPUT", *request)
        if "Output" in self._modes:
            data["endpointOutput"] = self._side("OUTPUT", *answer)
        record = {
            "captureData": data,
            "eventMetadata": {"eventId": str(uuid.uuid4()), **meta},
            "eventVersion": "0",
        }
        with self._changed:
            self._records.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
            self._changed.notify()

    def close(self) -> None:
        """Send what is left and end."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
        self._thread.join(timeout=30)

    def _side(self, mode: str, body: bytes, content_type: str) -> Params:
        """One half of a record. What isn't named as CSV or JSON, or isn't text, is base64."""
        encoding = self._encodings.get(content_type.partition(";")[0].strip().lower(), "BASE64")
        try:
            data = body.decode("utf-8") if encoding != "BASE64" else base64.b64encode(body).decode()
        except UnicodeDecodeError:
            encoding, data = "BASE64", base64.b64encode(body).decode()
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}

    def _flush_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._records or self._closed.is_set())
            if len(self._records) < FLUSH_AT:
                self._closed.wait(max(self._world.clock.real(FLUSH_AFTER), SHORTEST))
            with self._changed:
                batch, self._records = self._records[:FLUSH_AT], self._records[FLUSH_AT:]
            if not batch:
                return
            self._put(batch)

    def _put(self, batch: list[str]) -> None:
        bucket, key = split_uri(f"{self.config['DestinationS3Uri'].rstrip('/')}/{self._path}")
        try:
            client: Any = self._world.client("s3", role=self._role, session=SESSION)
            client.put_object(
                Bucket=bucket,
                Key=f"{key}/{file_name(self._world.clock.now())}",
                Body=("\n".join(batch) + "\n").encode(),
                ContentType="application/jsonlines",
                **encryption(self.config.get("KmsKeyId", "")),
            )
        except (ClientError, BotoCoreError) as error:
            log.warning("data capture of %s lost %d records: %s", self._path, len(batch), error)


def file_name(at: datetime) -> str:
    """`yyyy/mm/dd/hh/MM-SS-mmm-<uuid>.jsonl`."""
    return f"{at:%Y/%m/%d/%H/%M-%S}-{at.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
