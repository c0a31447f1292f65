"""The inference Lambda as Lambda runs it: its built bundle under awslambdaric, and real sockets."""

from __future__ import annotations

import datetime
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.fake_sagemaker import Answer, FakeSageMaker, Request
from bench.lambda_host import PYTHON, ROOT, LambdaHost

EVENTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "events/predict").glob("*.json")}
EVENT = EVENTS["csv_one_row"]
RELEASE = "20261122-130810-ab12"

Start = Callable[..., LambdaHost]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, made by the target that `sam build` calls."""
    folder = tmp_path_factory.mktemp("bundle")
    make = ("make", "-s", "-C", str(ROOT / "functions/predict"), "build-PredictFunction")
    subprocess.run([*make, f"ARTIFACTS_DIR={folder}", f"RUNTIME={PYTHON}"], check=True)
    return folder


@pytest.fixture
def start(bundle: Path) -> Iterator[Start]:
    """Starts the function against a URL; ends it after the test."""
    hosts: list[LambdaHost] = []

    def started(url: str, folder: Path = bundle, seconds: float = 30.0, **environ: str) -> LambdaHost:
        serves = {"ENDPOINT_NAME": "demo-prod", "RELEASE_ID": RELEASE, "MODEL_NAME": "demo"}
        host = LambdaHost(folder, {"AWS_ENDPOINT_URL": url, **serves, **environ}, seconds=seconds)
        hosts.append(host)
        return host

    yield started
    for host in hosts:
        host.close()


def lines(host: LambdaHost) -> list[dict[str, Any]]:
    """The function's own lines; awslambdaric writes its report of an error as plain text."""
    return [json.loads(line) for line in host.log_lines() if line.startswith("{")]


def test_the_bundle_holds_the_sources_the_contract_and_what_python_compiled(bundle: Path) -> None:
    sources = {path.name for path in (ROOT / "functions/predict").glob("*.py")}
    assert {path.name for path in bundle.iterdir()} == sources | {"contract.json", "__pycache__"}
    assert len(list((bundle / "__pycache__").iterdir())) == len(sources)


def test_nothing_dear_is_imported(bundle: Path) -> None:
    program = (
        "import sys, awslambdaric.bootstrap; before = set(sys.modules); sys.path.insert(0, sys.argv[1]);"
        "import app; print(*(set(sys.modules) - before))"
    )
    imported = subprocess.run([PYTHON, "-c", program, bundle], check=True, capture_output=True, text=True)
    modules = {name.partition(".")[0] for name in imported.stdout.split()}
    assert "sigv4" in modules
    assert modules.isdisjoint(
        {
            "boto3",
            "botocore",
            "urllib3",
            "urllib",
            "http",
            "email",
            "ssl",
            "typing",
            "dataclasses",
            "datetime",
        }
    )


def test_every_shipped_event_gets_its_answer(start: Start) -> None:
    with FakeSageMaker() as sagemaker:
        host = start(sagemaker.url)
        answers = {name: host.invoke(event) for name, event in EVENTS.items()}
    assert {name: answer["statusCode"] for name, (_, answer) in answers.items()} == {
        "csv_one_row": 200,
        "csv_many_rows": 200,
        "json": 200,
        "base64": 200,
        "bad_row": 422,
    }
    assert {answer["headers"]["x-release-id"] for _, answer in answers.values()} == {RELEASE}
    assert answers["csv_many_rows"][1]["body"] == "1.5\n1.5\n1.5\n"
    assert json.loads(answers["json"][1]["body"]) == {
        "predictions": [{"score": 1.5}, {"score": 1.5}],
        "release": RELEASE,
    }


TRIAL = {"custom": {"ENDPOINT_NAME": "demo-dev", "RELEASE_ID": "20261123-080000-cd34"}}


def test_what_is_not_published_can_be_asked_on_trial_and_keeps_its_environment(start: Start) -> None:
    with FakeSageMaker() as sagemaker:
        host = start(sagemaker.url, AWS_LAMBDA_FUNCTION_VERSION="$LATEST")
        tried = host.invoke(EVENT, client_context=TRIAL)[1]
        again = host.invoke(EVENT, client_context=TRIAL)[1]
        others = [host.invoke(EVENT, client_context=given)[1] for given in (None, {}, {"custom": {"other": 1}})]
    assert tried == again
    assert tried["headers"]["x-release-id"] == TRIAL["custom"]["RELEASE_ID"]
    assert {answer["headers"]["x-release-id"] for answer in others} == {RELEASE}
    paths = [request.path for request in sagemaker.requests]
    assert paths == ["/endpoints/demo-dev/invocations"] * 2 + ["/endpoints/demo-prod/invocations"] * 3
    assert [line["endpoint"] for line in lines(host)] == ["demo-dev"] * 2 + ["demo-prod"] * 3


def test_a_published_version_has_no_trials(start: Start) -> None:
    with FakeSageMaker() as sagemaker:
        answer = start(sagemaker.url).invoke(EVENT, client_context=TRIAL)[1]
    assert answer["headers"]["x-release-id"] == RELEASE
    assert [request.path for request in sagemaker.requests] == ["/endpoints/demo-prod/invocations"]


def test_one_tcp_connection_serves_many_invocations(start: Start) -> None:
    with FakeSageMaker() as sagemaker:
        host = start(sagemaker.url)
        for _ in range(25):
            assert host.invoke(EVENT)[1]["statusCode"] == 200
        assert sagemaker.connections == 1
        assert len(sagemaker.requests) == 25
    written = lines(host)
    assert [line["coldStart"] for line in written] == [True] + [False] * 24
    assert {line["version"] for line in written} == {"7"}
    assert {line["traceId"] for line in written} == {"Root=1-5759e988-bd862e3fe1be46a994272793"}


def test_what_arrives_is_signed_as_botocore_would(start: Start) -> None:
    with FakeSageMaker() as sagemaker:
        assert start(sagemaker.url).invoke(EVENT)[0] == "response"
        (request,) = sagemaker.requests
    assert request.path == "/endpoints/demo-prod/invocations"
    assert request.body == b"14.5,2.3,1,1,2.5"
    assert request.headers["authorization"] == botocores_signature(sagemaker.url, request)


def botocores_signature(url: str, request: Request) -> str:
    names = ("content-type", "accept")
    signed = AWSRequest(
        "POST", url + request.path, data=request.body, headers={name: request.headers[name] for name in names}
    )
    signed.context["timestamp"] = request.headers["x-amz-date"]
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-session-token")
    signer: Any = SigV4Auth(credentials, "sagemaker", "eu-west-1")
    signer._modify_request_before_signing(signed)
    canonical = signer.canonical_request(signed)
    signer._inject_signature_to_request(signed, signer.signature(signer.string_to_sign(signed, canonical), signed))
    return str(signed.headers["Authorization"])


@pytest.mark.parametrize("closing", [Answer(closes=True), Answer(headers="Connection: close\r\n", closes=True)])
def test_a_closed_connection_is_replaced_unnoticed(start: Start, closing: Answer) -> None:
    with FakeSageMaker(Answer(), closing) as sagemaker:
        host = start(sagemaker.url)
        host.invoke(EVENT)
        host.invoke(EVENT)
        assert sagemaker.closed.acquire(timeout=10)
        assert host.invoke(EVENT)[1]["statusCode"] == 200
        assert sagemaker.connections == 2
    assert [line["attempts"] for line in lines(host)] == [1, 1, 1]


def test_a_silent_endpoint_times_out_within_the_functions_time(start: Start) -> None:
    """GIVEN 4 s WHEN the endpoint is silent THEN the function fails by itself and serves the next."""
    release = threading.Event()
    with FakeSageMaker(Answer(wait=release.wait)) as sagemaker:
        host = start(sagemaker.url, seconds=4)
        kind, error = host.invoke(EVENT)
        release.set()
        assert (kind, error["errorType"]) == ("error", "ModelTimedOutError")
        assert error["errorMessage"] == "endpoint demo-prod did not answer in time"
        assert host.invoke(EVENT)[1]["statusCode"] == 200
        assert sagemaker.connections == 2
    failed, served = lines(host)
    assert (failed["status"], failed["error"], failed["Failures"]) == (500, "ModelTimedOutError", 1)
    assert 1000 < failed["Latency"] < 10_000, "as long as a function waits that has time"
    assert served["status"] == 200


FAILURES = [
    (424, "ModelError", {"OriginalStatusCode": 500, "OriginalMessage": "14.5 boom"}, "ModelContainerError"),
    (
        400,
        "ValidationError",
        {"message": "Endpoint demo-prod of account 1 not found."},
        "EndpointMissingError",
    ),
    (403, "AccessDeniedException", {"message": "no"}, "EndpointRefusedError"),
]


@pytest.mark.parametrize(("status", "code", "document", "name"), FAILURES)
def test_a_failure_is_lambdas_error(
    start: Start, status: int, code: str, document: dict[str, object], name: str
) -> None:
    answer = Answer(status, json.dumps(document).encode(), f"x-amzn-ErrorType: {code}\r\n")
    with FakeSageMaker(answer) as sagemaker:
        host = start(sagemaker.url)
        kind, error = host.invoke(EVENT)
        assert (kind, error["errorType"]) == ("error", name)
        assert host.invoke(EVENT)[1]["statusCode"] == 200
    output = host.log_lines()
    assert not [line for line in [*output, json.dumps(error)] if "14.5" in line]


def test_throttling_is_retried_then_answered(start: Start) -> None:
    throttled = Answer(429, b"{}", "x-amzn-ErrorType: ThrottlingException\r\n")
    with FakeSageMaker(*[throttled] * 3) as sagemaker:
        host = start(sagemaker.url)
        kind, answer = host.invoke(EVENT)
        assert (kind, answer["statusCode"], answer["headers"]["retry-after"]) == ("response", 503, "1")
        assert len(sagemaker.requests) == 3
        assert sagemaker.connections == 1
    (line,) = lines(host)
    assert (line["status"], line["attempts"], line["Throttled"], line["Failures"]) == (503, 3, 1, 0)


def test_an_unreachable_endpoint_is_a_failure(start: Start) -> None:
    with FakeSageMaker() as gone:
        pass
    host = start(gone.url)  # time for every attempt
    kind, error = host.invoke(EVENT)
    assert (kind, error["errorType"]) == ("error", "ModelUnreachableError")
    assert [line["attempts"] for line in lines(host)] == [3]


def test_before_the_first_release_nobody_is_called(start: Start) -> None:
    with FakeSageMaker() as sagemaker:
        kind, answer = start(sagemaker.url, ENDPOINT_NAME="none").invoke(EVENT)
        assert (kind, answer["statusCode"]) == ("response", 503)
        assert sagemaker.connections == 0


def test_a_bundle_without_its_contract_does_not_start(start: Start, bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bundle, tmp_path / "bundle")
    (folder / "contract.json").unlink()
    with pytest.raises(RuntimeError, match="ContractError"):
        start("http://localhost:1", folder).invoke(EVENT)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "certificate.pem").write_bytes(built.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_tls_is_kept_alive_and_replaced_too(start: Start, tls: ssl.SSLContext, certificate: tuple[Path, Path]) -> None:
    with FakeSageMaker(Answer(), Answer(closes=True), tls=tls) as sagemaker:
        host = start(sagemaker.url, SSL_CERT_FILE=str(certificate[0]))
        host.invoke(EVENT)
        host.invoke(EVENT)
        assert sagemaker.connections == 1
        assert sagemaker.closed.acquire(timeout=10)
        assert host.invoke(EVENT)[1]["statusCode"] == 200
        assert sagemaker.connections == 2


def test_a_certificate_nobody_vouches_for_is_a_failure(start: Start, tls: ssl.SSLContext) -> None:
    with FakeSageMaker(tls=tls) as sagemaker:
        kind, error = start(sagemaker.url).invoke(EVENT)
        assert (kind, error["errorType"]) == ("error", "ModelUnreachableError")
        assert error["errorMessage"].endswith("SSLCertVerificationError")
        assert sagemaker.requests == []
