"""A release's story, told by the real handlers over fakes: each step is what the state machine would call."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

from safe_deploy.domain.ports import Deployment, Invocation, WaitingTask

from tests.fakes.aws import FakeContext, FakeOutside

ROOT = Path(__file__).resolve().parents[2]
MODEL = "taxi-fare"
FIRST, SECOND = "20260131-120000-0a1b", "20260201-090000-0c2d"
ARTIFACTS, DROPS = "artifacts-bucket", "drops-bucket"
SITE = "https://approve.example.com"
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "MODEL_NAME": MODEL,
    "TABLE_NAME": "records",
    "AUDIT_TABLE_NAME": "audit",
    "REMIND_FUNCTION_ARN": "arn:aws:lambda:eu-west-1:111122223333:function:remind",
    "REMIND_ROLE_ARN": "arn:aws:iam::111122223333:role/remind",
    "SENDER_EMAIL": "releases@example.com",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:notices",
    "ARTIFACT_BUCKET": ARTIFACTS,
    "DROP_BUCKET": DROPS,
    "PREDICT_FUNCTION_NAME": "predict",
    "PREDICT_LOG_GROUP": "/safe-deploy/stack/predict",
    "CHECK_VERSION_SECONDS": "120",
    "CHECK_TRAFFIC_SECONDS": "300",
    "LIVE_ALIAS": "live",
    "ERROR_ALARM": "live-errors",
    "LATENCY_ALARM": "live-latency",
    "KEY_ARN": "arn:aws:kms:eu-west-1:111122223333:key/1",
    "APPROVAL_URL": SITE,
    "APPROVAL_ACTIVITY_ARN": "arn:aws:states:eu-west-1:111122223333:activity:approval",
    "METRICS_NAMESPACE": "SafeDeployment/Monitoring",
    "SCHEDULE_GROUP": "monitors",
    "LOG_RETENTION_DAYS": "90",
    "CODEDEPLOY_APPLICATION": "shifts",
    "DEPLOYMENT_GROUP": "predict",
    "POWERTOOLS_SERVICE_NAME": MODEL,
}
POLICY: dict[str, Any] = {
    "version": 1,
    "data": {
        "maximumRefusedShare": 0.2,
        "minimumRows": 10,
        "validationShare": 0.15,
        "testShare": 0.15,
        "goldenRows": 3,
    },
    "training": {
        "hyperparameters": {"num_round": 20, "objective": "reg:squarederror"},
        "maximumSeconds": 600,
    },
    "metrics": {"rmse": {"better": "lower"}, "r2": {"better": "higher"}},
    "gates": [{"metric": "rmse", "atMost": 5.0}, {"metric": "rmse", "atMostWorseThanChampion": 0.02}],
    "devTest": {"maximumLatencyMilliseconds": 100, "replayRows": 5},
    "monitoring": {"driftThreshold": 0.1, "method": "Robust"},
    "production": {"graceMinutes": 60},
    "canary": {
        "strategy": {"type": "canary", "percent": 10, "minutes": 10},
        "errorMargin": 0.02,
        "shareMargin": 0.05,
        "latencyTolerance": 0.25,
        "predictionTolerance": 0.25,
        "minimumRequests": 100,
        "replayRequests": 1000,
        "onInsufficientEvidence": "rollBack",
        "windows": 1,
    },
    "overridable": ["hyperparameters.num_round", "canary.strategy"],
}
CONTRACT: dict[str, Any] = {
    "version": 1,
    "columns": [{"name": "size", "type": "number"}, {"name": "price", "type": "number"}],
    "features": [{"name": "size", "type": "number"}, {"name": "rooms", "type": "integer"}],
    "label": {"name": "price"},
}
DRIFT_REPORT = {
    "rows": 60,
    "metrics": {"feature_baseline_drift_size": 0.03, "feature_baseline_drift_rooms": 0.08, "feature_non_null_size": 60},
    "means": {"size": {"current": 101.5, "baseline": 100.0}, "rooms": {"current": 3, "baseline": None}},
}
GOLDEN = {"columns": ["size", "rooms"], "rows": [[10.5, 1], [20.25, 2], [30.0, 3]], "labels": [1, 2, 3]}


@cache
def load(function: str) -> ModuleType:
    """Load a function's app.py by its path, under a name of its own: every function has an app.py."""
    name = f"app_of_{function}"
    spec = importlib.util.spec_from_file_location(name, ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def execution(release_id: str) -> str:
    """Return the ARN of a release's execution."""
    return f"arn:aws:states:eu-west-1:111122223333:execution:release:{release_id}"


def object_created(folder: str = "monday", version_id: str = "v1") -> dict[str, Any]:
    """Return EventBridge's event for a manifest."""
    event: dict[str, Any] = json.loads((ROOT / "events/register_drop/drop_arrived.json").read_text())["event"]
    event["detail"]["object"] |= {"key": f"drops/{folder}/manifest.json", "version-id": version_id}
    event["detail"]["bucket"]["name"] = DROPS
    return event


class Story:
    """One app, its fakes, and the steps of its releases."""

    def __init__(self) -> None:
        self.outside = FakeOutside()
        self.outside.functions.answer = self.predict
        self.policy, self.contract = json.loads(json.dumps([POLICY, CONTRACT]))
        self.deploy_code()
        for alarm in ("live-errors", "live-latency"):
            self.outside.alarms.add(alarm)

    def deploy_code(self, train: bytes = b"print('train')\n") -> None:
        """Deploy model/ and jobs/ as they are now."""
        self.outside.source = {
            "model/policy.json": json.dumps(self.policy).encode(),
            "model/contract.json": json.dumps(self.contract).encode(),
            "model/train.py": train,
            "jobs/prepare.py": b"print('prepare')\n",
            "jobs/train.py": b"print('hand over')\n",
        }

    def call(self, function: str, event: dict[str, Any], context: FakeContext | None = None) -> Any:
        """Call a handler."""
        return load(function).handler(event, context or FakeContext(), outside=self.outside)

    # ---- the steps, in their order ----

    def drop(self, folder: str = "monday", manifest: Any = None, **files: bytes) -> None:
        """Drop files and a manifest into S3."""
        content = files or {"sales": b"size,price\n1,2\n"}
        names = [f"{name}.csv" for name in content]
        for name, data in zip(names, content.values(), strict=True):
            self.outside.objects.put(f"s3://{DROPS}/drops/{folder}/{name}", data)
        document = {"files": names} if manifest is None else manifest
        self.outside.objects.put(f"s3://{DROPS}/drops/{folder}/manifest.json", document)

    def drop_code(self, folder: str = "code", **manifest: Any) -> None:
        """Ask for a release of the inference code alone."""
        document = {"release": "code", "description": "faster parsing", **manifest}
        self.outside.objects.put(f"s3://{DROPS}/drops/{folder}/manifest.json", document)

    def register(self, release_id: str = FIRST, folder: str = "monday", version_id: str = "v1") -> dict[str, Any]:
        """Let the state machine register a drop."""
        self.outside.executions.statuses.setdefault(execution(release_id), "RUNNING")
        event = {
            "releaseId": release_id,
            "executionArn": execution(release_id),
            "event": object_created(folder, version_id),
        }
        answer: dict[str, Any] = self.call("register_drop", event)
        return answer

    def run_jobs(
        self,
        release_id: str = FIRST,
        rmse: float = 4.0,
        champion: float | None = None,
        **evaluation: Any,
    ) -> None:
        """Leave what the jobs leave."""
        root, put = f"s3://{ARTIFACTS}/releases/{release_id}", self.outside.objects.put
        metrics = {
            "candidate": {"rmse": rmse, "r2": 0.9},
            "champion": None if champion is None else {"rmse": champion, "r2": 0.9},
        }
        put(
            f"{root}/evaluation/evaluation.json",
            {"testRows": 12, "metrics": metrics, "championObstacle": None, **evaluation},
        )
        report = {
            "rowsRead": 100,
            "rowsAccepted": 90,
            "rowsRefused": 10,
            "refusedByReason": {"size is blank": 7, "price is below 0": 3},
            "files": [{"name": "sales.csv", "sha256": "ab" * 32, "rows": 100, "refused": 10}],
            "split": {"train": 60, "validation": 18, "test": 12},
        }
        put(f"{root}/data/report/report.json", report)
        put(f"{root}/baseline/report.json", DRIFT_REPORT)
        put(f"{root}/baseline/constraint_violations.json", {"violations": []})
        put(f"{root}/data/golden/golden.json", GOLDEN)
        put(f"{root}/model/{MODEL}-{release_id}-train/output/model.tar.gz", f"model {release_id}".encode())

    def check_gates(self, release_id: str = FIRST) -> Any:
        """Let the state machine check the gates."""
        event = json.loads((ROOT / "events/check_gates/evaluated.json").read_text())
        return self.call("check_gates", {**event, "releaseId": release_id})

    def test_endpoint(self, release_id: str = FIRST) -> Any:
        """Let the state machine test the dev endpoint."""
        name = f"{MODEL}-{release_id}-dev"
        return self.call("test_endpoint", {"releaseId": release_id, "endpointName": name})

    def ask(self, release_id: str = FIRST, token: str = "", seconds: int = 3600) -> str:
        """Let the state machine ask for approval, and return the link out of the mail."""
        self.wait(release_id, token or f"task-token-of-{release_id}-which-nobody-may-see", seconds)
        self.call("ask_for_approval", {"releaseId": release_id, "turn": 1, "expiresInSeconds": seconds})
        return self.mailed_link()

    def wait(self, release_id: str, token: str, seconds: int = 3600, turn: int = 1) -> None:
        """Let the state machine wait in the activity's task, of which nobody has heard yet."""
        self.outside.executions.waiting.add(token)
        about = {"releaseId": release_id, "turn": turn, "expiresInSeconds": seconds}
        self.outside.activity.tasks.append(WaitingTask(token, json.dumps(about)))

    def mailed_link(self) -> str:
        """Return the link of the last mail that has one."""
        texts = [text for _, text in self.outside.topic.sent if SITE in text]
        found = re.search(rf"{SITE}/approvals/\S+", texts[-1])
        assert found
        return found.group()

    def show(self, link: str) -> Any:
        """Open a link, as a browser or a mail scanner does."""
        return self.call("show_approval", visit("GET", link))

    def decide(self, link: str, choice: str = "approve", **changes: Any) -> Any:
        """Send the form of a link's page, as the page would show it now."""
        found = self.outside.memory.approvals.get(link.rpartition("/")[2].partition("?")[0])
        form = form_of(link, choice, revision=found.revision if found else 0, **changes)
        return self.call("decide_approval", visit("POST", link, form=form))

    def personal_links(self) -> dict[str, str]:
        """Return the last link mailed to each person."""
        found = {to: re.search(rf"{SITE}/approvals/\S+", text) for to, _, text, _ in self.outside.mailbox.sent}
        return {to: match.group() for to, match in found.items() if match}

    def decide_as(
        self, arn: str, choice: str = "approve", release_id: str = FIRST, reason: str = "", digest: str = ""
    ) -> Any:
        """Decide as a caller whom AWS has authenticated."""
        event: dict[str, Any] = json.loads((ROOT / "events/decide_release/signed.json").read_text())
        event["pathParameters"]["id"] = release_id
        event["requestContext"]["authorizer"]["iam"]["userArn"] = arn
        seen = digest or str(self.outside.releases.get(release_id).item.get("evidenceDigest"))
        event["body"] = json.dumps({"decision": choice, "evidenceDigest": seen, "reason": reason})
        return self.call("decide_release", event)

    def remind(self, release_id: str = FIRST) -> Any:
        """Let the schedule fire that reminds of a release's approval."""
        _, request = self.outside.reminders.set_for[f"{MODEL}-{release_id}-reminder"]
        return self.call("remind_approvers", request)

    def take_lock(self, release_id: str = FIRST) -> Any:
        """Let the state machine take the lock."""
        event = {"releaseId": release_id, "executionArn": execution(release_id)}
        return self.call("take_lock", event)

    def publish(self, release_id: str = FIRST, version: str = "2") -> None:
        """Bring up the production endpoint, publish the version, and create the deployment `d-{version}`."""
        name = f"{MODEL}-{release_id}-prod"
        self.outside.endpoints.add(name)
        self.outside.endpoints.models.add(f"{MODEL}-{release_id}")
        self.outside.functions.publish(version, release_id, name)
        deployment = Deployment(f"d-{version}", version, self.outside.clock.now())
        self.outside.deployments.deployments[deployment.deployment_id] = deployment

    def check_alarms(self, release_id: str = FIRST, version: str = "2") -> Any:
        """Let the state machine look at the alarms."""
        return self.call("check_alarms", {"releaseId": release_id, "version": version})

    def predict(self, version: str, event: Any) -> Invocation:
        """Answer as the inference Lambda does, through the version's endpoint; its requests are captured."""
        functions = self.outside.functions
        served, trial = functions.versions[version], functions.trial or {}
        endpoint = trial.get("ENDPOINT_NAME", served.endpoint_name)
        release = trial.get("RELEASE_ID", served.release_id)
        answer = self.outside.predictions.invoke(endpoint, event["body"]).decode()
        if endpoint.endswith("-prod"):
            self.capture(endpoint, event["body"], answer)
        accept = event["headers"]["accept"]
        if accept == "text/csv":
            body = answer
        else:
            scores = [{"score": float(line)} for line in answer.splitlines()]
            body = json.dumps({"predictions": scores, "release": release})
        headers = {"content-type": accept, "x-release-id": release}
        return Invocation(json.dumps({"statusCode": 200, "headers": headers, "body": body}).encode())

    def capture(self, endpoint_name: str, rows: str, answer: str) -> None:
        """Leave a capture file."""
        now, objects = self.outside.clock.now(), self.outside.objects
        line = capture_line(rows, answer, f"{now:%FT%TZ}")
        name = f"{now:%Y/%m/%d/%H/%M-%S-000}-{len(objects.content):036d}.jsonl"
        objects.put(f"s3://{ARTIFACTS}/capture/{endpoint_name}/AllTraffic/{name}", line)

    def hook(self, function: str, version: str = "2", context: FakeContext | None = None) -> Any:
        """Let CodeDeploy call a hook."""
        event = {"DeploymentId": f"d-{version}", "LifecycleEventHookExecutionId": "hook-1"}
        return self.call(function, event, context)

    def prove(self, release_id: str = FIRST) -> None:
        """Record what watch_shift records when the analysis passes."""
        passed = {"at": "2026-01-31T12:00:00Z", "look": 3, "reason": "Every metric is proven within its margin."}
        section = {
            "status": "pass",
            "reason": passed["reason"],
            "passed": passed,
            "live": {"champion": 900, "candidate": 100},
            "replayed": 0,
            "looks": 3,
            "findings": [],
            "deployments": ["d-2"],
        }
        self.outside.releases.update(release_id, {"shift": section}, self.outside.clock.now())

    def close(self, outcome: str, release_id: str = FIRST, **rest: Any) -> Any:
        """Let the state machine close a release."""
        return self.call("close_release", {"releaseId": release_id, "outcome": outcome, **rest})

    # ---- shortcuts ----

    def until_tested(self, release_id: str = FIRST, folder: str = "monday", **jobs: Any) -> None:
        """Tell the story until nobody but a person has to agree."""
        content = {} if release_id == FIRST else {"later": f"size,price\n{folder},2\n".encode()}
        self.drop(folder, **content)
        assert self.register(release_id, folder)["status"] == "registered"
        self.run_jobs(release_id, **jobs)
        assert self.check_gates(release_id)["passed"]
        assert self.test_endpoint(release_id)["passed"]

    def until_asked(self, release_id: str = FIRST, folder: str = "monday", **jobs: Any) -> str:
        """Tell the story until the mail; return the link."""
        self.until_tested(release_id, folder, **jobs)
        return self.ask(release_id)

    def until_asked_about_code(self, release_id: str = SECOND, folder: str = "code") -> str:
        """Tell the story of a release of code alone until the mail; return the link."""
        self.drop_code(folder)
        assert self.register(release_id, folder)["status"] == "registered"
        assert self.check_gates(release_id)["passed"]
        assert self.test_endpoint(release_id)["passed"]
        return self.ask(release_id)

    def until_live(self, release_id: str = FIRST, folder: str = "monday", version: str = "2", **jobs: Any) -> None:
        """Tell the story until the release is live."""
        self.go_live(self.until_asked(release_id, folder, **jobs), release_id, version)

    def go_live(self, link: str, release_id: str, version: str) -> None:
        """Say yes and tell the story until the release is live."""
        self.decide(link)
        assert self.take_lock(release_id)["status"] == "taken"
        self.publish(release_id, version)
        assert self.hook("check_version", version)["status"] == "Succeeded"
        self.outside.functions.alias = version
        self.prove(release_id)
        assert self.hook("check_traffic", version)["status"] == "Succeeded"
        self.close("live", release_id, version=version)


def capture_line(rows: str, answer: str, at: str) -> bytes:
    """Return a line of a capture file."""

    def part(mode: str, data: str) -> dict[str, str]:
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}

    line = {
        "captureData": {"endpointInput": part("INPUT", rows), "endpointOutput": part("OUTPUT", answer)},
        "eventMetadata": {"eventId": "1", "inferenceTime": at},
        "eventVersion": "0",
    }
    return json.dumps(line).encode() + b"\n"


def form_of(link: str, choice: str = "approve", *, revision: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the fields that the page's form sends."""
    from safe_deploy.domain.approval import Link

    parts = re.fullmatch(rf"{SITE}/approvals/([^?]*)\?key=(.*)", link)
    assert parts
    given = {
        "key": parts[2],
        "formToken": Link(parts[1], parts[2]).form_token(revision),
        "modelName": MODEL,
        "decidedBy": "Ada Lovelace",
        "reason": "",
        "decision": choice,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def visit(
    method: str,
    link: str,
    *,
    form: dict[str, Any] | None = None,
    headers: dict[str, str | None] | None = None,
) -> dict[str, Any]:
    """Return HTTP API's event for a link; forms come base64-encoded. A header of None is left out."""
    name = "decide_approval/form_sent" if method == "POST" else "show_approval/link_opened"
    event: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text())
    path, _, query = link.removeprefix(SITE).partition("?")
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["pathParameters"] = {"id": path.rpartition("/")[2]}
    event["headers"]["host"] = event["requestContext"]["domainName"] = SITE.removeprefix("https://")
    event["requestContext"]["http"]["method"] = method
    if method != "POST":
        event["rawQueryString"] = query
        event["queryStringParameters"] = {"key": query.partition("=")[2]}
    else:
        event["headers"]["origin"] = SITE
        event["body"] = base64.b64encode(urlencode(form or {}).encode()).decode()
    changed = event["headers"] | (headers or {})
    event["headers"] = {name: value for name, value in changed.items() if value is not None}
    return event
