"""The shipped state machines as CloudFormation renders them, and the answers of a release that goes well."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from localaws.stepfunctions.definition import parse
from localaws.stepfunctions.machine import StateMachine

ROOT = Path(__file__).resolve().parents[2]
TAGS = json.dumps([{"Key": "safe-deploy:model", "Value": "taxi-fare"}])
NUMBERS = {
    "EndpointMinimumInstances": "1",
    "EndpointMaximumInstances": "4",
    "InvocationsPerInstance": "1000",
    "ApprovalSeconds": "72 * 3600",
}
VALUES = {
    "Partition": "aws",
    "Tags": TAGS,
    "LiveAlias": "live",
    "ApprovalActivityArn": "arn:aws:states:us-east-1:123456789012:activity:stack-approval",
    "PredictFunction": "stack-PredictFunction-ABC",
    "CodeDeployApplication": "stack-App-ABC",
    "DeploymentGroup": "stack-Group-ABC",
    "ScheduleGroup": "stack-monitor",
    "ModelName": "taxi-fare",
    "ModelPackageGroup": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/taxi-fare",
    "ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:topic",
    "KeyArn": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    "MonitorStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:stack-monitor",
    "TrainingInstanceType": "ml.m5.xlarge",
    "JobInstanceType": "ml.m5.large",
    "DevEndpointInstanceType": "ml.t2.medium",
    "EndpointInstanceType": "ml.m5.large",
    **NUMBERS,
}
RELEASE = "20261122-130501-a1b2"
BASE = f"taxi-fare-{RELEASE}"


@cache
def definition(name: str) -> str:
    """The machine's definition with every substitution made, as JSON."""
    text = (ROOT / "statemachines" / f"{name}.asl.yaml").read_text()

    def value(match: re.Match[str]) -> str:
        key = match.group(1)
        if key.endswith("RoleArn"):
            return f"arn:aws:iam::123456789012:role/{key}"
        if key.endswith("Function") and key not in VALUES:
            return f"arn:aws:lambda:us-east-1:123456789012:function:{key}"
        return VALUES[key]

    return json.dumps(yaml.safe_load(re.sub(r"\$\{(\w+)\}", value, text)))


@cache
def machine(name: str) -> StateMachine:
    """The machine as the interpreter reads it: once for all tests."""
    return parse(definition(name))


CODE = "t0sKs2vNWVB4dvFRUDjHqLKpbqS4NvOP1Qkh1gHq5Yg="
CHAMPIONS_MODEL = "s3://artifacts/releases/20261101-090000-0000/model/j/output/model.tar.gz"
CHAMPIONS_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/taxi-fare/7"


def registered(champion: bool = True, kind: str = "data") -> dict[str, Any]:
    """What `register_drop` answers for a good drop, or for a release of code alone."""
    names = {
        "base": BASE,
        "prepareJob": f"{BASE}-prepare",
        "trainingJob": f"{BASE}-train",
        "baselineJob": f"{BASE}-baseline",
        "evaluationJob": f"{BASE}-evaluate",
        "model": BASE,
        "devEndpoint": f"{BASE}-dev",
        "productionEndpoint": f"{BASE}-prod",
        "schedule": f"{BASE}-monitor",
    }
    home = f"s3://artifacts/releases/{RELEASE}"
    return {
        "status": "registered",
        "reason": None,
        "kind": kind,
        "releaseId": RELEASE,
        "modelDataUrl": CHAMPIONS_MODEL if kind == "code" else f"{home}/model/{BASE}-train/output/model.tar.gz",
        "modelPackageArn": CHAMPIONS_PACKAGE if kind == "code" else None,
        "names": names,
        "uris": {
            "source": "s3://artifacts/code/abc/src/",
            "sourceArchive": "s3://artifacts/code/abc/sourcedir.tar.gz",
            "dropManifest": f"{home}/drop.manifest",
            "data": f"{home}/data",
            "model": f"{home}/model",
            "baseline": f"{home}/baseline",
            "evaluation": f"{home}/evaluation",
            "capture": "s3://artifacts/capture",
            "monitoring": f"s3://artifacts/monitoring/{RELEASE}",
        },
        "hyperparameters": {"sagemaker_program": '"train.py"', "num_round": "60"},
        "champion": {
            "releaseId": "20261101-090000-0000",
            "endpointName": "taxi-fare-20261101-090000-0000-prod",
            "version": "2",
            "modelDataUrl": CHAMPIONS_MODEL,
            "baselineUrl": "s3://artifacts/releases/20261101-090000-0000/baseline",
        }
        if champion
        else None,
        "liveVersion": "2",
        "limits": {"trainingSeconds": 3600},
        "monitoring": {"comparisonThreshold": "0.1", "comparisonMethod": "Robust"},
        "graceSeconds": 3600,
        "shift": {
            "deploymentConfig": "CodeDeployDefault.LambdaCanary10Percent10Minutes"
            if champion
            else "CodeDeployDefault.LambdaAllAtOnce",
            "routing": None,
            "decideSeconds": 540 if champion else 0,
        },
    }


def payload(answer: dict[str, Any]) -> dict[str, Any]:
    """What `lambda:invoke` gives for a function's answer."""
    return {"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": answer}


def runs(**counts: int) -> dict[str, Any]:
    """What SageMaker says of an endpoint that serves."""
    return {"EndpointStatus": "InService", "ProductionVariants": [{"VariantName": "AllTraffic", **counts}]}


def looked(status: str, reason: str = "") -> dict[str, Any]:
    """What `watch_shift` answers for a look."""
    return payload({"status": status, "reason": reason, "verdict": "insufficient evidence", "seconds": 10})


def all_well(champion: bool = True) -> dict[str, Any]:
    """By state: the answers of a release that goes live."""
    model = f"s3://artifacts/releases/{RELEASE}/model/{BASE}-train/output/model.tar.gz"
    revision = {"RevisionId": "r1", "LastUpdateStatus": "Successful", "CodeSha256": CODE}
    endpoint = {"EndpointStatus": "InService"}
    return {
        "Register Drop": payload(registered(champion)),
        "Prepare Data": {"ProcessingJobStatus": "Completed"},
        "Train Model": {"TrainingJobStatus": "Completed", "ModelArtifacts": {"S3ModelArtifacts": model}},
        "Compute Baseline": {"ProcessingJobStatus": "Completed"},
        "Evaluate Candidate": {"ProcessingJobStatus": "Completed"},
        "Check Gates": payload({"passed": True, "failures": [], "metrics": {}}),
        "Register Model": {"ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/taxi-fare/1"},
        "Create Model": {"ModelArn": "arn"},
        "Configure Dev Endpoint": {"EndpointConfigArn": "arn"},
        "Create Dev Endpoint": {"EndpointArn": "arn"},
        "Read Dev Endpoint": [{"EndpointStatus": "Creating"}, endpoint],
        "Test Dev Endpoint": payload({"passed": True, "failures": [], "codeSha256": CODE}),
        "Send Request": payload({"status": "asked"}),
        "Await Decision": {
            "decision": "approved",
            "by": "Ada",
            "reason": "",
            "evidenceDigest": "d1",
        },
        "Look for a Decision": payload({"decision": "none"}),
        "Remove Dev Endpoint": [payload({"done": False}), payload({"done": True})],
        "Approve Model": {"ModelPackageArn": "arn"},
        "Take Release Lock": payload({"status": "taken", "fencingToken": 1}),
        "Read Live Endpoint": runs(DesiredInstanceCount=3, CurrentInstanceCount=2),
        "Configure Production Endpoint": {"EndpointConfigArn": "arn"},
        "Create Production Endpoint": {"EndpointArn": "arn"},
        "Read Production Endpoint": [{"EndpointStatus": "Creating"}, endpoint],
        "Register Scaling Target": {},
        "Scale with Traffic": {},
        "Read Inference Function": {
            "RevisionId": "r0",
            "CodeSha256": CODE,
            "Environment": {"Variables": {"MODEL_NAME": "taxi-fare", "ENDPOINT_NAME": "none"}},
        },
        "Point Inference at Release": {},
        "Read Inference Update": [
            {
                "RevisionId": "r1",
                "LastUpdateStatus": "InProgress",
                "CodeSha256": CODE,
                "Environment": {"Variables": {"ENDPOINT_NAME": f"{BASE}-prod"}},
            },
            {**revision, "Environment": {"Variables": {"ENDPOINT_NAME": f"{BASE}-prod"}}},
        ],
        "Publish Version": {"Version": "3"},
        "Check Alarms": payload(
            {"status": "quiet", "reason": "", "firing": [], "watched": ["live-errors", "own-errors"]}
        ),
        "Read Live Alias": {"FunctionVersion": "2"},
        "Shift Traffic": {"DeploymentId": "d-ABC"},
        "Find the Shift": {"Deployments": []},
        "Read What Is Listed": {"DeploymentsInfo": []},
        "Make Deployment Config": {"DeploymentConfigId": "c"},
        "Watch Shift": [looked("wait"), looked("shifted")],
        "Decide Shift": payload({"status": "proven", "reason": "Every metric is proven."}),
        "Stop Deployment": {"Status": "Pending"},
        "Read Ended Deployment": {"DeploymentInfo": {"Status": "Failed"}},
        "Start Monitoring": {"ScheduleArn": "arn"},
        "Let It Scale In": {"ScalableTargetARN": "arn"},
        "Announce Release": payload({}),
        "Retire Predecessor": [payload({"done": False, "keptBy": ""}), payload({"done": True, "keptBy": ""})],
        "Clean Up": [payload({"done": False}), payload({"done": True})],
        "Record Outcome": payload({}),
        "Drop Again": {"VersionId": "v2"},
        "Tell That Nobody Is Asked": {"MessageId": "m"},
        "Confirm Rollback": [
            {"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}},
            {"FunctionVersion": "2"},
        ],
        "Verify Rollback": payload({"passed": True, "differences": [], "serving": "Production serves."}),
        "Reject Model": {"ModelPackageArn": "arn"},
        "Tell Without Record": {"MessageId": "m"},
    }


EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": "drops"}, "object": {"key": "drops/a/manifest.json", "version-id": "v1"}},
}
