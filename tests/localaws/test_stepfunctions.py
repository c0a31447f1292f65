"""Step Functions over the wire: its API, its integrations, its tokens, its logs and events."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from localaws.errors import AwsError
from localaws.service import Call
from localaws.stepfunctions.service import StepFunctions
from localaws.world import World
from tests.localaws.states_lab import FakeCodeDeploy, FakeLambda, FakeSageMaker, Lab, call, open_world, refusal
from tests.unit.localaws.stepfunctions.beats import Beating, undisturbed
from tests.unit.localaws.stepfunctions.machines import LAMBDA, TOKEN, machine, passes, task, workflow


class TestStateMachines:
    def test_create_describe_list_delete(self, lab: Lab) -> None:
        definition = machine(S=passes())
        tags = [{"key": "a", "value": "b"}]
        arn = lab.create(definition, tracingConfiguration={"enabled": True}, tags=tags)
        assert arn == f"arn:aws:states:us-east-1:123456789012:stateMachine:{lab.name}"
        found = lab.states.describe_state_machine(stateMachineArn=arn)
        assert json.loads(found["definition"]) == definition
        assert (found["roleArn"], found["status"], found["type"]) == (lab.role, "ACTIVE", "STANDARD")
        assert found["tracingConfiguration"] == {"enabled": True}
        assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
        pages = lab.states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})
        assert arn in [m["stateMachineArn"] for page in pages for m in page["stateMachines"]]
        lab.states.tag_resource(resourceArn=arn, tags=[{"key": "c", "value": "d"}])
        lab.states.untag_resource(resourceArn=arn, tagKeys=["a"])
        assert lab.states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "c", "value": "d"}]
        lab.states.delete_state_machine(stateMachineArn=arn)

    def test_creating_it_again_does_nothing(self, lab: Lab) -> None:
        definition = machine(S=passes())
        assert lab.create(definition) == lab.create(definition)
        code, _ = refusal(lambda: lab.create(machine(S=passes(Output=1))))
        assert code == "StateMachineAlreadyExists"

    def test_an_update_is_for_executions_to_come(self, lab: Lab) -> None:
        arn = lab.create(machine(S={"Type": "Wait", "Seconds": 60_000, "Output": "old"}))
        first = lab.begin(arn)
        text = json.dumps(machine(S=passes(Output="new")))
        revision = lab.states.update_state_machine(stateMachineArn=arn, definition=text)["revisionId"]
        assert lab.states.describe_state_machine(stateMachineArn=arn)["revisionId"] == revision
        second = lab.begin(arn)
        assert json.loads(lab.wait(second)["output"]) == "new"
        of_first = lab.states.describe_state_machine_for_execution(executionArn=first)
        assert '"old"' in of_first["definition"]

    def test_a_bad_definition_is_refused_with_every_reason(self, lab: Lab) -> None:
        code, message = refusal(lambda: lab.create(machine(S=passes(Next="Gone"), T=passes(Nonsense=1))))
        assert code == "InvalidDefinition"
        assert message == (
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: "
            "Field 'Nonsense' is not supported at /States/T/Nonsense'"
        )

    @pytest.mark.parametrize(
        ("resource", "arguments", "expected"),
        [
            (
                "batch:submitJob.sync",
                {},
                "resource 'arn:aws:states:::batch:submitJob.sync' is not implemented",
            ),
            ("aws-sdk:sagemaker:inventModel", {}, "is not implemented by localaws at /States/S/Resource"),
            ("aws-sdk:sagemaker:CreateModel", {}, "is not implemented by localaws at /States/S/Resource"),
            ("aws-sdk:sagemaker:createModel.sync", {}, "is not implemented by localaws"),
            ("sagemaker:createTrainingJob.waitForTaskToken", {}, "is not implemented by localaws"),
            (
                "aws-sdk:sagemaker:describeEndpoint",
                {},
                "The field 'EndpointName' is required but was missing",
            ),
            (
                "aws-sdk:codedeploy:getDeployment",
                {"deploymentId": "d"},
                "'deploymentId' is not supported by Step Functions at /States/S/Arguments/deploymentId",
            ),
            ("dynamodb:getItem", {"TableName": "t", "Key": {"pk": {"N": 5}}}, "'N' must be a STRING at "),
        ],
    )
    def test_a_task_that_can_not_be_done_is_refused(
        self, lab: Lab, resource: str, arguments: Any, expected: str
    ) -> None:
        code, message = refusal(lambda: lab.create(call(resource, arguments)))
        assert code == "InvalidDefinition"
        assert expected in message

    def test_validation_without_creation(self, lab: Lab) -> None:
        good = lab.states.validate_state_machine_definition(definition=json.dumps(machine(S=passes())))
        assert (good["result"], good["diagnostics"]) == ("OK", [])
        bad = lab.states.validate_state_machine_definition(definition="{}")
        assert bad["result"] == "FAIL"
        assert bad["diagnostics"] == [
            {
                "severity": "ERROR",
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": "These fields are required: [States, StartAt]",
                "location": "/",
            }
        ]

    def test_a_role_that_states_may_not_assume(self, lab: Lab, make_role: Callable[[World, str, str], str]) -> None:
        lab.role = make_role(lab.world, f"{lab.name}-other", "lambda.amazonaws.com")
        assert refusal(lambda: lab.create(machine(S=passes())))[0] == "AccessDeniedException"

    @pytest.mark.parametrize("params", [{"type": "EXPRESS"}, {"publish": True}])
    def test_what_is_not_modelled_is_named(self, lab: Lab, params: dict[str, Any]) -> None:
        code, message = refusal(lambda: lab.create(machine(S=passes()), **params))
        assert code == "LocalAwsNotImplemented"
        assert next(iter(params)) in message

    def test_a_deleted_one_is_gone_when_its_executions_are(self, lab: Lab) -> None:
        arn = lab.create(machine(S={"Type": "Wait", "Seconds": 6_000_000}))
        execution = lab.begin(arn)
        lab.states.delete_state_machine(stateMachineArn=arn)
        assert lab.states.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
        assert refusal(lambda: lab.begin(arn))[0] == "StateMachineDeleting"
        lab.states.stop_execution(executionArn=execution)
        for thread in threading.enumerate():
            if thread.name == "states-delete":
                thread.join(60)
        assert refusal(lambda: lab.begin(arn))[0] == "StateMachineDoesNotExist"


class TestExecutions:
    def test_input_output_and_times(self, lab: Lab) -> None:
        ended = lab.run(machine(S=passes(Output={"n": "{% $states.input.n + 1 %}"})), {"n": 1})
        assert (ended["status"], ended["output"], ended["input"]) == ("SUCCEEDED", '{"n":2}', '{"n": 1}')
        assert ended["startDate"] <= ended["stopDate"]

    def test_a_failure(self, lab: Lab) -> None:
        ended = lab.run(machine(S={"Type": "Fail", "Error": "E", "Cause": "C"}))
        assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "E", "C")
        assert "output" not in ended

    def test_starting_again_with_the_same_name(self, lab: Lab) -> None:
        arn = lab.create(machine(S={"Type": "Wait", "Seconds": 6_000_000}))
        start = lab.states.start_execution
        first = start(stateMachineArn=arn, name="n", input='{"a":1}')
        again = start(stateMachineArn=arn, name="n", input='{"a":1}')
        assert (first["executionArn"], first["startDate"]) == (again["executionArn"], again["startDate"])
        assert refusal(lambda: start(stateMachineArn=arn, name="n", input="{}"))[0] == "ExecutionAlreadyExists"
        lab.states.stop_execution(executionArn=first["executionArn"])
        code, _ = refusal(lambda: start(stateMachineArn=arn, name="n", input='{"a":1}'))
        assert code == "ExecutionAlreadyExists"

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"input": "{nope"}, "InvalidExecutionInput"),
            ({"input": f'"{"x" * 262_144}"'}, "ValidationException"),
            ({"name": "a b"}, "InvalidName"),
            ({"name": "x" * 81}, "ValidationException"),
        ],
    )
    def test_what_can_not_start(self, lab: Lab, params: dict[str, str], code: str) -> None:
        arn = lab.create(machine(S=passes()))
        assert refusal(lambda: lab.states.start_execution(stateMachineArn=arn, **params))[0] == code

    def test_what_does_not_exist(self, lab: Lab) -> None:
        arn = "arn:aws:states:us-east-1:123456789012:stateMachine:gone"
        assert refusal(lambda: lab.begin(arn))[0] == "StateMachineDoesNotExist"
        assert refusal(lambda: lab.states.describe_execution(executionArn=arn))[0] == "ExecutionDoesNotExist"

    def test_lists_have_pages_and_a_filter(self, lab: Lab) -> None:
        arn = lab.create(machine(S=passes(Output="{% $states.input.fail ? $error('no') : 1 %}")))
        for number in range(5):
            lab.wait(lab.begin(arn, {"fail": number % 2 == 1}, name=f"e{number}"))
        pages = list(lab.states.get_paginator("list_executions").paginate(stateMachineArn=arn, maxResults=2))
        assert [[e["name"] for e in p["executions"]] for p in pages] == [["e4", "e3"], ["e2", "e1"], ["e0"]]
        failed = lab.states.list_executions(stateMachineArn=arn, statusFilter="FAILED")["executions"]
        assert [e["name"] for e in failed] == ["e3", "e1"]

    def test_the_history_has_pages_two_directions_and_can_keep_data_back(self, lab: Lab) -> None:
        execution = lab.start(machine(S=passes(Assign={"x": 1})), {"secret": 1})
        lab.wait(execution)
        history = lab.states.get_execution_history
        assert [e["id"] for e in history(executionArn=execution, reverseOrder=True)["events"]] == [4, 3, 2, 1]
        first = history(executionArn=execution, maxResults=3)
        rest = history(executionArn=execution, maxResults=3, nextToken=first["nextToken"])
        assert [e["id"] for e in first["events"] + rest["events"]] == [1, 2, 3, 4]
        assert "secret" in str(first)
        assert "secret" not in str(history(executionArn=execution, includeExecutionData=False))
        assert refusal(lambda: history(executionArn=execution, nextToken="?"))[0] == "InvalidToken"

    def test_a_stop_has_ended_it_when_it_returns(self, lab: Lab) -> None:
        execution = lab.start(machine(S={"Type": "Wait", "Seconds": 6_000_000}))
        lab.states.stop_execution(executionArn=execution, error="E", cause="C")
        ended = lab.states.describe_execution(executionArn=execution)
        assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "E", "C")
        assert lab.types(execution)[-1] == "ExecutionAborted"

    def test_waits_are_scaled(self, lab: Lab) -> None:
        assert lab.run(machine(S={"Type": "Wait", "Seconds": 60}))["status"] == "SUCCEEDED"

    def test_every_status_is_an_event(self, lab: Lab) -> None:
        execution = lab.start(machine(S=passes()), {"a": 1})
        lab.wait(execution)
        told = [e for e in lab.events if e["resources"] == [execution]]
        assert [e["detail"]["status"] for e in told] == ["RUNNING", "SUCCEEDED"]
        running, done = (e["detail"] for e in told)
        assert all(e["detail-type"] == "Step Functions Execution Status Change" for e in told)
        assert {e["source"] for e in told} == {"aws.states"}
        assert (running["stopDate"], running["output"], running["input"]) == (None, None, '{"a": 1}')
        assert done["output"] == '{"a":1}'
        assert done["stopDate"] >= done["startDate"] > 1_700_000_000_000
        assert done["inputDetails"] == done["outputDetails"] == {"included": True}


class TestLambda:
    def test_payload_and_answer_are_json(self, lab: Lab) -> None:
        definition = call("lambda:invoke", {"FunctionName": "echo", "Payload": {"n": "{% $states.input.n %}"}})
        assert lab.output(definition, {"n": [1]}) == {
            "ExecutedVersion": "7",
            "Payload": {"n": [1]},
            "StatusCode": 200,
        }

    def test_the_functions_error_is_the_tasks(self, lab: Lab) -> None:
        def fail(_: Any) -> None:
            raise ValueError('no "good"\nat all')

        FakeLambda.functions["fail"] = fail
        ended = lab.run(call("lambda:invoke", {"FunctionName": "fail", "Payload": {}}))
        assert ended["error"] == "ValueError"
        assert json.loads(ended["cause"])["errorMessage"] == 'no "good"\nat all'

    def test_the_services_error(self, lab: Lab) -> None:
        ended = lab.run(call("lambda:invoke", {"FunctionName": "gone", "Payload": {}}))
        assert ended["error"] == "Lambda.ResourceNotFoundException"
        assert ended["cause"].startswith("Function not found: gone (Service: AWSLambda; Status Code: 404; Error Code: ")

    def test_an_error_that_is_not_modelled(self, lab: Lab) -> None:
        def denied(called: Call) -> AwsError | None:
            forbidden = called.params.get("FunctionName") == "forbidden"
            return AwsError("AccessDeniedException", "no", 403) if forbidden else None

        lab.world.front_door.intercept(denied)
        ended = lab.run(call("lambda:invoke", {"FunctionName": "forbidden"}))
        assert ended["error"] == "Lambda.AWSLambdaException"

    def test_a_time_out_does_not_wait_for_the_function(self, lab: Lab) -> None:
        release = threading.Event()
        FakeLambda.functions["slow"] = lambda _: release.wait(100)  # longer than anyone waits here
        execution = lab.start(call("lambda:invoke", {"FunctionName": "slow", "Payload": {}}, TimeoutSeconds=1))
        assert lab.wait(execution)["error"] == "States.Timeout"
        release.set()

    def test_it_is_called_with_the_execution_role(self, lab: Lab) -> None:
        lab.run(call("lambda:invoke", {"FunctionName": "echo", "Payload": {}}))
        assert "lambda:InvokeFunction" in {action for action, _ in lab.used()}

    def test_a_retry_calls_again(self, lab: Lab) -> None:
        answers = iter([ValueError("not yet"), ValueError("not yet")])

        def third_time(_: Any) -> str:
            for answer in answers:
                raise answer
            return "done"

        FakeLambda.functions["flaky"] = third_time
        retry = [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1}]
        definition = call("lambda:invoke", {"FunctionName": "flaky", "Payload": {}}, Retry=retry)
        assert lab.output(definition)["Payload"] == "done"


class TestTokens:
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "FunctionName": "ask",
        "Payload": {"token": "{% $states.context.Task.Token %}"},
    }

    def asked(self, lab: Lab, **fields: Any) -> tuple[str, str]:
        """An execution that waits for a token, and the token."""
        tokens: list[str] = []
        known = threading.Event()

        def ask(payload: dict[str, str]) -> None:
            tokens.append(payload["token"])
            known.set()

        FakeLambda.functions["ask"] = ask
        execution = lab.start(machine(S=task(Resource=TOKEN, Arguments=self.ARGUMENTS, **fields)))
        assert known.wait(60)
        return execution, tokens[0]

    def test_success(self, lab: Lab) -> None:
        execution, token = self.asked(lab)
        lab.states.send_task_success(taskToken=token, output='{"decision": "yes"}')
        assert json.loads(lab.wait(execution)["output"]) == {"decision": "yes"}

    def test_failure(self, lab: Lab) -> None:
        execution, token = self.asked(lab)
        lab.states.send_task_failure(taskToken=token, error="Refused", cause="because")
        ended = lab.wait(execution)
        assert (ended["error"], ended["cause"]) == ("Refused", "because")

    def test_a_token_is_good_once(self, lab: Lab) -> None:
        execution, token = self.asked(lab)
        lab.states.send_task_success(taskToken=token, output="1")
        code, message = refusal(lambda: lab.states.send_task_success(taskToken=token, output="2"))
        assert (code, message) == ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        assert lab.wait(execution)["output"] == "1"

    def test_a_token_nobody_gave(self, lab: Lab) -> None:
        send = lab.states.send_task_success
        assert refusal(lambda: send(taskToken="x" * 40, output="1"))[0] == "InvalidToken"

    def test_an_output_that_is_no_json(self, lab: Lab) -> None:
        _, token = self.asked(lab)
        assert refusal(lambda: lab.states.send_task_success(taskToken=token, output="{"))[0] == "InvalidOutput"
        lab.states.send_task_success(taskToken=token, output="{}")

    def test_a_token_expires_in_aws_time(self, lab: Lab) -> None:
        execution, token = self.asked(lab, TimeoutSeconds=120)
        assert lab.wait(execution)["error"] == "States.Timeout"
        assert refusal(lambda: lab.states.send_task_success(taskToken=token, output="1"))[0] == "TaskTimedOut"

    def test_heartbeats_keep_it_alive(self, lab: Lab) -> None:
        def lives(beating: Beating) -> tuple[str, str]:
            execution, token = self.asked(lab, HeartbeatSeconds=1200)
            ended = lab.world.service(StepFunctions)._execution(execution).ended
            beating.beat(lambda: lab.beat(token), ended)
            assert not ended.is_set()
            return execution, token

        execution, token = undisturbed(lives, limit=2.0)
        assert lab.wait(execution)["error"] == "States.Timeout"
        assert refusal(lambda: lab.states.send_task_heartbeat(taskToken=token))[0] == "TaskTimedOut"

    def test_a_stop_voids_it(self, lab: Lab) -> None:
        execution, token = self.asked(lab)
        lab.states.stop_execution(executionArn=execution)
        assert refusal(lambda: lab.states.send_task_success(taskToken=token, output="1"))[0] == "TaskTimedOut"
        assert lab.wait(execution)["status"] == "ABORTED"

    def test_a_siblings_failure_voids_it(self, lab: Lab) -> None:
        tokens: list[str] = []
        known = threading.Event()

        def ask(payload: dict[str, str]) -> None:
            tokens.append(payload["token"])
            known.set()

        def fail(_: Any) -> None:
            known.wait(60)
            raise ValueError("no")

        FakeLambda.functions |= {"ask": ask, "fail": fail}
        asks = workflow(A=task(Resource=TOKEN, Arguments=self.ARGUMENTS))
        fails = workflow(F=task(Resource=LAMBDA, Arguments={"FunctionName": "fail", "Payload": {}}))
        assert lab.run(machine(S={"Type": "Parallel", "Branches": [asks, fails]}))["error"] == "ValueError"
        assert refusal(lambda: lab.states.send_task_success(taskToken=tokens[0], output="1"))[0] == "TaskTimedOut"

    def test_an_answer_while_the_function_still_runs(self, lab: Lab) -> None:
        def answers_itself(payload: dict[str, str]) -> None:
            lab.world.client("stepfunctions").send_task_success(taskToken=payload["token"], output='"early"')

        FakeLambda.functions["ask"] = answers_itself
        arn = lab.create(machine(S=task(Resource=TOKEN, Arguments=self.ARGUMENTS)))

        def once(number: int) -> Any:
            name = f"e{number}"
            started = lab.states.start_execution(stateMachineArn=arn, name=name)["executionArn"]
            return lab.wait(started)["output"]

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(once, range(40))) == {'"early"'}

    def test_of_many_answers_exactly_one_counts(self, lab: Lab) -> None:
        execution, token = self.asked(lab)
        together = threading.Barrier(8)

        def answer(number: int) -> int | None:
            client = lab.world.client("stepfunctions")
            together.wait(60)
            try:
                client.send_task_success(taskToken=token, output=str(number))
            except client.exceptions.TaskTimedOut:
                return None
            return number

        with ThreadPoolExecutor(8) as pool:
            [winner] = [n for n in pool.map(answer, range(8)) if n is not None]
        assert lab.wait(execution)["output"] == str(winner)

    def test_an_answer_that_was_accepted_counts_even_at_the_last_moment(self, lab: Lab) -> None:
        def race(number: int) -> None:
            execution, token = waiting[number]
            try:
                lab.states.send_task_success(taskToken=token, output='"in time"')
                accepted = True
            except ClientError:
                accepted = False
            assert (lab.wait(execution)["status"] == "SUCCEEDED") is accepted

        waiting = [self.asked(lab, TimeoutSeconds=60) for _ in range(10)]
        for number in range(10):
            race(number)


class TestSageMaker:
    JOB: ClassVar[dict[str, Any]] = {
        "TrainingJobName": "j",
        "RoleArn": "arn:aws:iam::123456789012:role/job",
        "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
    }

    def test_request_and_response(self, lab: Lab) -> None:
        output = lab.output(call("sagemaker:createTrainingJob", self.JOB))
        assert output["TrainingJobArn"].endswith("training-job/j")

    def start(self, lab: Lab, **fields: Any) -> tuple[str, FakeSageMaker]:
        sagemaker = lab.world.service(FakeSageMaker)
        execution = lab.start(call("sagemaker:createTrainingJob.sync", self.JOB, **fields))
        assert sagemaker.began.wait(60)
        return execution, sagemaker

    def test_sync_waits_for_the_end(self, lab: Lab) -> None:
        execution, sagemaker = self.start(lab)
        sagemaker.end("j", "Completed")
        output = json.loads(lab.wait(execution)["output"])
        assert output["ModelArtifacts"] == {"S3ModelArtifacts": "s3://b/model.tar.gz"}
        assert output["CreationTime"] == 1_767_225_600_000
        assert lab.types(execution)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]

    def test_sync_fails_with_the_description(self, lab: Lab) -> None:
        execution, sagemaker = self.start(lab)
        sagemaker.end("j", "Failed")
        ended = lab.wait(execution)
        assert ended["error"] == "States.TaskFailed"
        assert json.loads(ended["cause"])["TrainingJobStatus"] == "Failed"

    def test_a_stop_stops_the_job(self, lab: Lab) -> None:
        execution, sagemaker = self.start(lab)
        lab.states.stop_execution(executionArn=execution)
        assert sagemaker.stopped.wait(60)

    def test_a_time_out_stops_the_job(self, lab: Lab) -> None:
        execution, sagemaker = self.start(lab, TimeoutSeconds=5)
        assert lab.wait(execution)["error"] == "States.Timeout"
        assert sagemaker.stopped.wait(60)

    def test_sync_needs_these_permissions(self, lab: Lab) -> None:
        execution, sagemaker = self.start(lab)
        sagemaker.end("j", "Completed")
        lab.wait(execution)
        used = lab.used()
        job = "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"
        rule = "arn:aws:events:us-east-1:123456789012:rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule"
        assert {("sagemaker:CreateTrainingJob", job), ("sagemaker:DescribeTrainingJob", job)} <= used
        assert {(f"events:{name}", rule) for name in ("PutRule", "PutTargets", "DescribeRule")} <= used

    def test_an_error_that_the_api_lists(self, lab: Lab) -> None:
        package = {"ModelPackageName": "p"}
        ended = lab.run(call("aws-sdk:sagemaker:describeModelPackage", package))
        assert ended["error"] in {"SageMaker.ResourceNotFoundException", "SageMaker.SageMakerException"}

    def test_an_error_that_the_api_does_not_list(self, lab: Lab) -> None:
        ended = lab.run(call("aws-sdk:sagemaker:describeEndpoint", {"EndpointName": "e"}))
        assert ended["error"] == "SageMaker.SageMakerException"
        assert ended["cause"].startswith(
            "Could not find endpoint 'e'. (Service: SageMaker, Status Code: 400, Request ID: "
        )


class TestAwsSdk:
    def test_names_begin_with_capitals_and_go_as_the_api_spells_them(self, lab: Lab) -> None:
        revision = {"RevisionType": "AppSpecContent", "AppSpecContent": {"Content": "{}"}}
        arguments = {"ApplicationName": "a", "DeploymentGroupName": "g", "Revision": revision}
        assert lab.output(call("aws-sdk:codedeploy:createDeployment", arguments)) == {"DeploymentId": "d-1"}
        assert lab.world.service(FakeCodeDeploy).asked == [
            {
                "applicationName": "a",
                "deploymentGroupName": "g",
                "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": "{}"}},
            }
        ]

    def test_timestamps_are_iso(self, lab: Lab) -> None:
        info = lab.output(call("aws-sdk:codedeploy:getDeployment", {"DeploymentId": "d-1"}))["DeploymentInfo"]
        assert info["CreateTime"] == "2026-01-01T00:00:00.500Z"
        assert info["CompleteTime"] == "2026-01-01T00:00:00Z"
        assert info["Status"] == "Succeeded"

    def test_errors(self, lab: Lab) -> None:
        ended = lab.run(call("aws-sdk:codedeploy:getDeployment", {"DeploymentId": "d-2"}))
        assert ended["error"] == "CodeDeploy.DeploymentDoesNotExistException"

    def test_a_member_the_api_does_not_have_from_an_expression(self, lab: Lab) -> None:
        ended = lab.run(call("aws-sdk:codedeploy:getDeployment", "{% {'deploymentId': 'd-1'} %}"))
        assert ended["error"] == "States.Runtime"
        assert "The field 'deploymentId' is not supported by Step Functions" in ended["cause"]

    def test_a_value_of_the_wrong_type(self, lab: Lab) -> None:
        ended = lab.run(call("aws-sdk:codedeploy:getDeployment", {"DeploymentId": "{% 1 %}"}))
        assert ended["error"] == "States.Runtime"


class TestDynamoDb:
    @pytest.fixture
    def table(self, lab: Lab) -> str:
        client = lab.world.client("dynamodb")
        client.create_table(
            TableName=lab.name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return lab.name

    @pytest.mark.parametrize(("resource", "prefix"), [("dynamodb", "DynamoDB"), ("aws-sdk:dynamodb", "DynamoDb")])
    def test_put_get_and_condition(self, lab: Lab, table: str, resource: str, prefix: str) -> None:
        item = {"pk": {"S": "{% $states.input.id %}"}, "n": {"N": "{% $string($states.input.n) %}"}}
        put = {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        lab.output(call(f"{resource}:putItem", put), {"id": "a", "n": 5})
        get = {"TableName": table, "Key": {"pk": {"S": "a"}}}
        assert lab.output(call(f"{resource}:getItem", get))["Item"] == {"pk": {"S": "a"}, "n": {"N": "5"}}
        ended = lab.run(call(f"{resource}:putItem", put), {"id": "a", "n": 6})
        assert ended["error"] == f"{prefix}.ConditionalCheckFailedException"

    def test_a_table_that_is_not_there(self, lab: Lab) -> None:
        ended = lab.run(call("dynamodb:getItem", {"TableName": "gone", "Key": {"pk": {"S": "a"}}}))
        assert ended["error"] == "DynamoDB.ResourceNotFoundException"


class TestOthers:
    def test_sns_publishes_an_object_as_its_text(self, lab: Lab) -> None:
        topic = lab.world.client("sns").create_topic(Name="t")["TopicArn"]
        definition = call("sns:publish", {"TopicArn": topic, "Message": {"what": "{% $states.input.w %}"}})
        assert set(lab.output(definition, {"w": 1})) == {"MessageId"}

    def test_sns_topic_that_is_not_there(self, lab: Lab) -> None:
        arguments = {"TopicArn": "arn:aws:sns:us-east-1:123456789012:gone", "Message": "m"}
        assert lab.run(call("sns:publish", arguments))["error"] == "SNS.NotFoundException"

    def test_events(self, lab: Lab) -> None:
        entry = {"Source": "me", "DetailType": "t", "Detail": {"n": "{% $states.input.n %}"}}
        output = lab.output(call("events:putEvents", {"Entries": [entry]}), {"n": 1})
        assert output["FailedEntryCount"] == 0
        assert len(output["Entries"]) == 1

    def test_a_nested_execution(self, lab: Lab) -> None:
        child = lab.create(machine(C=passes(Output={"n": "{% $states.input.n * 2 %}"})), "child")
        start = {"StateMachineArn": child, "Input": {"n": "{% $states.input.n %}"}}
        output = lab.output(call("states:startExecution.sync:2", start), {"n": 4})
        assert (output["Output"], output["Input"], output["Status"]) == ({"n": 8}, {"n": 4}, "SUCCEEDED")
        assert isinstance(output["StartDate"], int)

    def test_a_nested_failure(self, lab: Lab) -> None:
        child = lab.create(machine(C={"Type": "Fail", "Error": "Inner"}), "child")
        ended = lab.run(call("states:startExecution.sync:2", {"StateMachineArn": child}))
        assert ended["error"] == "States.TaskFailed"
        assert json.loads(ended["cause"])["Error"] == "Inner"

    def test_a_stop_stops_what_is_nested(self, lab: Lab) -> None:
        child = lab.create(machine(C={"Type": "Wait", "Seconds": 6_000_000}), "child")
        start = {"StateMachineArn": child, "Name": "inner"}
        execution = lab.start(call("states:startExecution.sync:2", start))
        inner = child.replace("stateMachine", "execution") + ":inner"
        started = threading.Event()
        while not started.wait(0.01):
            if any(e["resources"] == [inner] for e in lab.events):
                started.set()
        lab.states.stop_execution(executionArn=execution)
        assert lab.wait(inner)["status"] == "ABORTED"

    def test_only_started(self, lab: Lab) -> None:
        child = lab.create(machine(C=passes()), "child")
        output = lab.output(call("states:startExecution", {"StateMachineArn": child, "Name": "n", "Input": {}}))
        assert output["ExecutionArn"].endswith("child:n")


class TestLogs:
    def logged(self, lab: Lab, level: str, definition: dict[str, Any], *, data: bool = False) -> list[dict[str, Any]]:
        """What is in the log once its last line is there."""
        group = f"/states/{lab.name}"
        lines: list[dict[str, Any]] = []
        complete = threading.Event()

        def written(called: Call, _: Any) -> None:
            if called.params["logGroupName"] == group:
                lines.extend(json.loads(event["message"]) for event in called.params["logEvents"])
                if lines[-1]["type"] in {"ExecutionSucceeded", "ExecutionFailed"}:
                    complete.set()

        lab.world.delegated.after("logs", "PutLogEvents", written)
        lab.world.client("logs").create_log_group(logGroupName=group)
        arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"
        configuration = {
            "level": level,
            "includeExecutionData": data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
        }
        lab.wait(lab.begin(lab.create(definition, loggingConfiguration=configuration), {"secret": 1}))
        assert complete.wait(60)
        return lines

    def test_everything_with_data(self, lab: Lab) -> None:
        lines = self.logged(lab, "ALL", machine(S=passes()), data=True)
        assert [line["type"] for line in lines] == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
        assert lines[1]["details"] == {
            "name": "S",
            "input": '{"secret":1}',
            "inputDetails": {"truncated": False},
        }
        assert (lines[1]["id"], lines[1]["previous_event_id"], lines[1]["redrive_count"]) == ("2", "0", "0")

    def test_no_data_and_no_token_unless_wanted(self, lab: Lab) -> None:
        FakeLambda.functions["ask"] = lambda payload: (
            lab.world.client("stepfunctions").send_task_success(taskToken=payload["token"], output='{"secret": 2}')
            and None
        )
        definition = machine(
            S=task(Resource=TOKEN, Arguments=TestTokens.ARGUMENTS, Assign={"x": "{% $states.result %}"})
        )
        lines = self.logged(lab, "ALL", definition)
        assert {"TaskScheduled", "TaskSucceeded"} <= {line["type"] for line in lines}
        assert "secret" not in str(lines)
        assert "token" not in str(lines)

    def test_errors_only(self, lab: Lab) -> None:
        lines = self.logged(lab, "ERROR", machine(P=passes(Next="F"), F={"Type": "Fail", "Error": "E"}))
        assert [line["type"] for line in lines] == ["FailStateEntered", "ExecutionFailed"]

    def test_fatal_only(self, lab: Lab) -> None:
        lines = self.logged(lab, "FATAL", machine(F={"Type": "Fail", "Error": "E", "Cause": "C"}))
        assert [line["details"] for line in lines] == [{"error": "E", "cause": "C"}]

    def test_a_configuration_without_a_group(self, lab: Lab) -> None:
        code, _ = refusal(lambda: lab.create(machine(S=passes()), loggingConfiguration={"level": "ALL"}))
        assert code == "InvalidLoggingConfiguration"

    def test_a_group_that_is_gone_harms_nobody(self, lab: Lab) -> None:
        arn = "arn:aws:logs:us-east-1:123456789012:log-group:/gone:*"
        logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}
        execution = lab.begin(lab.create(machine(S=passes()), loggingConfiguration=logging))
        assert lab.wait(execution)["status"] == "SUCCEEDED"

    def test_the_role_must_be_allowed_to_deliver(self, lab: Lab) -> None:
        self.logged(lab, "ALL", machine(S=passes()))
        used = {action for action, _ in lab.used()}
        assert {"logs:CreateLogDelivery", "logs:DescribeLogGroups"} <= used
        assert "logs:PutLogEvents" not in used


def test_a_world_that_stops_aborts_what_runs(
    tmp_path: Path, states_world: World, make_role: Callable[[World, str, str], str]
) -> None:
    release = threading.Event()
    FakeLambda.functions = {"slow": lambda _: release.wait(20)}
    other = open_world(tmp_path)
    lab = Lab(other, make_role(other, "stopping", "states.amazonaws.com"), "stopping")
    arguments = {"FunctionName": "slow", "Payload": {}}
    execution = lab.start(machine(S=task(Resource=LAMBDA, Arguments=arguments)))
    other.service(StepFunctions).stop()
    ended = other.service(StepFunctions)._execution(execution)
    release.set()
    other.stop()
    assert ended.status == "ABORTED"
