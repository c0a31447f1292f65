"""Faults of a container's answers: an error, a late one, a wrong one that looks right. Used by SageMaker Runtime."""

from __future__ import annotations

import dataclasses
import re
import time

from localaws.faults.registry import Faults
from localaws.sagemaker.model_server import Answer

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def changed(faults: Faults, endpoint: str, answer: Answer) -> Answer:
    """The answer as the caller, the metrics and the capture get to see it."""
    effect = faults.strike("answer", {"endpoint": endpoint})
    if effect is None:
        return answer
    match effect["kind"]:
        case "status":
            return Answer(effect["status"], {"content-type": "text/plain"}, b"injected")
        case "slow":
            time.sleep(effect["milliseconds"] / 1000)
            return answer
        case "scale":
            factor = float(effect["factor"])
            return dataclasses.replace(answer, body=_NUMBER.sub(lambda n: b"%r" % (float(n[0]) * factor), answer.body))
        case _:
            return dataclasses.replace(answer, body=_NUMBER.sub(effect["text"].encode(), answer.body))
