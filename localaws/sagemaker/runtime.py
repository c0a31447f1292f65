"""SageMaker Runtime: InvokeEndpoint, with hosting's metrics, capture and errors. Built by the world."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.cloudwatch.metrics import Datapoint
from localaws.cloudwatch.service import CloudWatch
from localaws.errors import AwsError
from localaws.faults import answers
from localaws.sagemaker.endpoints import Endpoint
from localaws.sagemaker.model_server import Answer, NoAnswerError, ReplacedError
from localaws.sagemaker.resources import Params, present, refuse_others
from localaws.sagemaker.service import SageMaker
from localaws.sagemaker.variants import Variant
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

BODY_LIMIT = 6_291_456
NAMESPACE = "AWS/SageMaker"
KNOWN = {
    "EndpointName", "Body", "ContentType", "Accept", "CustomAttributes", "TargetVariant", "InferenceId",
}  # fmt: skip


class SageMakerRuntime(Service):
    """Asks the variants' servers."""

    name: ClassVar[str] = "sagemaker-runtime"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._sagemaker: SageMaker
        self._cloudwatch: CloudWatch

    def start(self) -> None:
        self._sagemaker = self.world.service(SageMaker)
        self._cloudwatch = self.world.service(CloudWatch)

    def invoke_endpoint(self, call: Call) -> Params:
        began = time.perf_counter()
        params = call.params
        refuse_others("InvokeEndpoint", params, KNOWN)
        body = params.get("Body") or b""
        if len(body) > BODY_LIMIT:
            raise AwsError("ValidationError", f"Request body exceeds the limit of {BODY_LIMIT} bytes.", 413)
        asked = time.perf_counter()
        variant, answer = self._ask(params, body)
        answered = time.perf_counter()
        succeeded = 200 <= answer.status < 300
        if succeeded and variant.capture is not None and variant.capture.wants():
            self._capture(variant, params, body, answer)
        self._measure(params["EndpointName"], variant.name, answer, answered - asked, asked - began)
        if not succeeded:
            raise self._model_error(params["EndpointName"], answer)
        return {
            "Body": answer.body,
            "InvokedProductionVariant": variant.name,
            **present(
                ContentType=answer.headers.get("content-type"),
                CustomAttributes=answer.headers.get("x-amzn-sagemaker-custom-attributes"),
            ),
        }

    def _ask(self, params: Params, body: bytes) -> tuple[Variant, Answer]:
        """Choose a variant and ask its server; choose again when an update replaced it in between."""
        while True:
            variant = self._variant(params["EndpointName"], params.get("TargetVariant"))
            try:
                answer = variant.server.invoke(body, _headers(params))
                return variant, answers.changed(self.world.faults, params["EndpointName"], answer)
            except ReplacedError as error:
                now = self._sagemaker.endpoints.get(params["EndpointName"])
                if now is None or any(variant is serving for serving in now.variants.values()):
                    return variant, Answer(0, {}, str(error).encode())
            except NoAnswerError as error:
                return variant, Answer(0, {}, str(error).encode())

    def _variant(self, name: str, target: str | None) -> Variant:
        endpoint: Endpoint | None = self._sagemaker.endpoints.get(name)
        if endpoint is None or not endpoint.serves:
            account = self.world.settings.account
            raise AwsError("ValidationError", f"Endpoint {name} of account {account} not found.")
        if target is None:
            return endpoint.choose()
        if target not in endpoint.variants:
            raise AwsError("ValidationError", f"Variant {target} not found for endpoint {name}.")
        return endpoint.variants[target]

    def _capture(self, variant: Variant, params: Params, body: bytes, answer: Answer) -> None:
        assert variant.capture is not None
        meta: Params = present(inferenceId=params.get("InferenceId"))
        if params.get("CustomAttributes"):
            meta["customAttributes"] = [params["CustomAttributes"]]
        meta["inferenceTime"] = self.world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        given = (body, params.get("ContentType", ""))
        variant.capture.add(given, (answer.body, answer.headers.get("content-type", "")), meta)

    def _measure(self, endpoint: str, variant: str, answer: Answer, model: float, overhead: float) -> None:
        """Each metric once an invocation, the errors as 0 or 1, latencies in microseconds, as AWS does."""
        at = self.world.clock.now()
        dimensions = (("EndpointName", endpoint), ("VariantName", variant))
        values = {
            "Invocations": (1.0, "None"),
            "Invocation4XXErrors": (float(400 <= answer.status < 500), "None"),
            "Invocation5XXErrors": (float(answer.status >= 500 or answer.status == 0), "None"),
            "ModelLatency": (model * 1e6, "Microseconds"),
            "OverheadLatency": (overhead * 1e6, "Microseconds"),
        }
        points = [Datapoint(name, value, at, dimensions, unit) for name, (value, unit) in values.items()]
        self._cloudwatch.ingest(NAMESPACE, points)

    def _model_error(self, endpoint: str, answer: Answer) -> AwsError:
        settings = self.world.settings
        text = answer.body.decode("utf-8", "replace")
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        kind = "client" if 400 <= answer.status < 500 else "server"
        members: dict[str, Any] = {
            "OriginalStatusCode": answer.status or 500,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:aws:logs:{settings.region}:{settings.account}:log-group:{group}",
        }
        return AwsError(
            "ModelError",
            f'Received {kind} error ({answer.status}) from primary with message "{text}". See '
            f"https://{settings.region}.console.aws.amazon.com/cloudwatch/home?region={settings.region}"
            f"#logEventViewer:group={group} in account {settings.account} for more information.",
            424,
            **members,
        )


def _headers(params: Params) -> dict[str, str]:
    """What the container sees of the request's headers."""
    names = {
        "ContentType": "Content-Type",
        "Accept": "Accept",
        "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
        "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    }
    return {header: params[member] for member, header in names.items() if params.get(member)}
