"""The release policy: model/policy.json, the user's file. Read by register_drop, kept in the record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from safe_deploy.domain.comparison import metric_names
from safe_deploy.domain.fields import Fields, shown
from safe_deploy.domain.presentation import MOST_SLICINGS, Prices, Slicing
from safe_deploy.domain.shift.policy import CanaryPolicy
from safe_deploy.domain.shift.strategy import Strategy
from safe_deploy.domain.source import TRAINING_PROGRAM
from safe_deploy.errors import InvalidRequestError

LIMITS = ("atMost", "atLeast", "atMostWorseThanChampion")
BETTER = ("lower", "higher")
METHODS = ("Robust", "Simple")
PLACE = "policy.json"
RESERVED = "sagemaker_"
SHORTEST_GRACE = 1
"""Minutes: longer than any invocation lasts that still asks the endpoint which traffic has just left."""
STRATEGY = "canary.strategy"
"""The one thing beside hyperparameters that a manifest may override."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule that a candidate's metric has to keep."""

    metric: str
    limit: str
    value: float


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """Whose yes a release needs. A policy without this section asks for one person's, whoever that is."""

    required: int = 1
    """How many different people have to agree."""
    requester_may_approve: bool = True
    """Whether who asked for a release by hand may be the only one who agrees to it."""
    hours: int | None = None
    """Hours that people have to decide; None leaves it to the stack's ApprovalHours."""

    @classmethod
    def parse(cls, section: Fields) -> ApprovalPolicy:
        """Read the section. Raises InvalidRequestError, naming the key that is wrong."""
        required = section.integer("required", minimum=1, maximum=2)
        may = section.value("requesterMayApprove")
        if not isinstance(may, bool):
            section.fail("requesterMayApprove", "must be true or false")
        hours = section.integer("hours", minimum=1, maximum=336) if "hours" in section else None
        section.end()
        return cls(required, may, hours)

    def check_requester(self, requester: str) -> None:
        """Raise InvalidRequestError when somebody must not be the only one to agree, and nobody says who that is."""
        if not self.requester_may_approve and not requester:
            raise InvalidRequestError(
                'manifest.json needs "requestedBy": approval.requesterMayApprove is false, so another has to agree'
            )


@dataclass(frozen=True, slots=True)
class Policy:
    """What a release may, must and must not."""

    hyperparameters: dict[str, Any]
    maximum_seconds: int
    better: dict[str, str]
    """For each metric whether lower or higher is better."""
    gates: tuple[Gate, ...]
    maximum_latency: float
    """Milliseconds that the endpoint may take for one row."""
    replay_rows: int
    drift_threshold: float
    drift_method: str
    grace_minutes: int
    canary: CanaryPolicy
    overridable: tuple[str, ...]
    slices: tuple[Slicing, ...] = ()
    prices: Prices = field(default_factory=Prices)
    approval: ApprovalPolicy = ApprovalPolicy()

    @classmethod
    def parse(cls, document: Any) -> Policy:
        """Read policy.json. Raises InvalidRequestError, naming the key that is wrong."""
        given = Fields(document, PLACE)
        given.integer("version", minimum=1, maximum=1)
        _check_data(given.object("data"))
        training = given.object("training")
        hyperparameters = _hyperparameters(training.object("hyperparameters"))
        maximum_seconds = training.integer("maximumSeconds", minimum=60, maximum=28 * 24 * 3600)
        metrics = given.object("metrics")
        better = {name: _better(metrics.object(name)) for name in metric_names(metrics)}
        if not better:
            given.fail("metrics", "must name at least one metric")
        gates = tuple(_gate(entry, better) for entry in given.objects("gates", minimum=1, maximum=50))
        dev_test, monitoring = given.object("devTest"), given.object("monitoring")
        production = given.object("production")
        policy = cls(
            hyperparameters,
            maximum_seconds,
            better,
            gates,
            dev_test.number("maximumLatencyMilliseconds", above=0, maximum=60_000),
            dev_test.integer("replayRows", minimum=0, maximum=10_000),
            monitoring.number("driftThreshold", above=0, maximum=1),
            monitoring.choice("method", METHODS),
            production.integer("graceMinutes", minimum=SHORTEST_GRACE, maximum=14 * 24 * 60),
            CanaryPolicy.parse(given.object("canary")),
            tuple(_overridable(given, hyperparameters)),
            tuple(map(Slicing.parse, given.objects("slices", maximum=MOST_SLICINGS))) if "slices" in given else (),
            Prices.parse(given.object("prices")) if "prices" in given else Prices(),
            approval=ApprovalPolicy.parse(given.object("approval")) if "approval" in given else ApprovalPolicy(),
        )
        for section in (training, dev_test, monitoring, production, given):
            section.end()
        return policy

    def strategy_with(self, override: dict[str, Any] | None) -> Strategy:
        """Return how traffic shifts, with a manifest's override; InvalidRequestError names a bad one."""
        if override is None:
            return self.canary.strategy
        self._check_overridable(STRATEGY)
        return Strategy.parse(Fields(override, "manifest.json", f"overrides.{STRATEGY}"))

    def _check_overridable(self, name: str) -> None:
        if name not in self.overridable:
            allowed = ", ".join(self.overridable) or "nothing"
            raise InvalidRequestError(
                f"manifest.json: overrides.{name} may not be overridden; policy.json allows {allowed}"
            )

    def with_overrides(self, overrides: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with a manifest's overrides; InvalidRequestError names a bad one."""
        for key, value in overrides.items():
            name = f"hyperparameters.{key}"
            self._check_overridable(name)
            usual = self.hyperparameters[key]
            if _kind(value) != _kind(usual):
                raise InvalidRequestError(
                    f"manifest.json: overrides.{name} must be a {_kind(usual)}, not {shown(value)}"
                )
        return {**self.hyperparameters, **overrides}


def encode_hyperparameters(values: dict[str, Any], archive: str, region: str) -> dict[str, str]:
    """Return hyperparameters as script mode wants them: JSON in strings, with the toolkit's own three."""
    toolkit = {
        "sagemaker_program": TRAINING_PROGRAM,
        "sagemaker_submit_directory": archive,
        "sagemaker_region": region,
    }
    return {key: json.dumps(value) for key, value in {**values, **toolkit}.items()}


def _check_data(data: Fields) -> None:
    data.number("maximumRefusedShare", minimum=0, below=1)
    data.integer("minimumRows", minimum=1, maximum=10**12)
    shares = [data.number(key, above=0, below=1) for key in ("validationShare", "testShare")]
    if sum(shares) >= 1:
        data.fail("testShare", "and validationShare together leave no rows to train on")
    data.integer("goldenRows", minimum=1, maximum=200)
    data.end()


def _hyperparameters(section: Fields) -> dict[str, Any]:
    for key in section:
        value = section.value(key)
        if key.startswith(RESERVED):
            section.fail(key, "is one of the training toolkit's own; leave it out")
        if not isinstance(value, (str, int, float)):
            section.fail(key, f"must be a number, a truth value or a string, not {shown(value)}")
        if len(json.dumps(value)) > 2500:
            section.fail(key, "is longer than the 2500 characters that SageMaker takes")
    found = {key: section.value(key) for key in section}
    if len(found) > 90:
        raise InvalidRequestError(f"{PLACE}: training.hyperparameters has more than 90 keys")
    return found


def _better(metric: Fields) -> str:
    found = metric.choice("better", BETTER)
    metric.end()
    return found


def _gate(entry: Fields, better: dict[str, str]) -> Gate:
    metric = entry.choice("metric", tuple(better))
    limits = [limit for limit in LIMITS if limit in entry]
    if len(limits) != 1:
        raise InvalidRequestError(f"{PLACE}: {entry.path} must have exactly one of {', '.join(LIMITS)}")
    minimum = 0.0 if limits[0] == "atMostWorseThanChampion" else float("-inf")
    gate = Gate(metric, limits[0], entry.number(limits[0], minimum=minimum))
    entry.end()
    return gate


def _overridable(given: Fields, hyperparameters: dict[str, Any]) -> list[str]:
    found = []
    for name in given.list("overridable"):
        section, _, key = name.partition(".") if isinstance(name, str) else ("", "", "")
        if name == STRATEGY:
            found.append(name)
            continue
        if section != "hyperparameters" or key not in hyperparameters:
            given.fail("overridable", f"names {shown(name)}, which training.hyperparameters doesn't hold")
        found.append(name)
    return found


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    return "string" if isinstance(value, str) else "number"
