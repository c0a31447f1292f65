"""The real SAM CLI against `localaws`: build, deploy, deploy again, fail, delete. What it makes is used, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from localaws.run import ALL_SERVICES
from localaws.settings import PERSON_ACCESS_KEY
from localaws.world import World
from tests.localaws.conftest import WorldOf

SAM = Path(sys.executable).with_name("sam")
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Globals:
  Function: {Runtime: python3.13, Handler: app.handler, Timeout: 10, Layers: [!Ref Words]}
Resources:
  Words:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
  DataBucket:
    Type: AWS::S3::Bucket
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {RetentionInDays: 7}
  HttpApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: {EnableIamAuthorizer: true, DefaultAuthorizer: AWS_IAM}
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: function
      Timeout: 30
      Environment: {Variables: {GREETING: !Ref Greeting, BUCKET: !Ref DataBucket}}
      Policies: [{S3ReadPolicy: {BucketName: !Ref DataBucket}}]
      EventInvokeConfig: {MaximumRetryAttempts: 0}
      AutoPublishAlias: live
      Events:
        Post: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Path: /greet, Method: post}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions: {GreetArn: !Ref Greet.Alias}
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Greet}}]
      Logging:
        Level: ERROR
        Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Logs.Arn}}]
      Events:
        Drop:
          Type: EventBridgeRule
          Properties: {Pattern: {source: [aws.s3], detail: {bucket: {name: [!Ref DataBucket]}}}}
        Hourly:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 hour), State: DISABLED, GroupName: !Ref Group}
  Group:
    Type: AWS::Scheduler::ScheduleGroup
  Registry:
    Type: AWS::SageMaker::ModelPackageGroup
    Properties: {ModelPackageGroupName: !Ref AWS::StackName}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{Name: FunctionName, Value: !Ref Greet}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
  Anything:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmRule: !Sub 'ALARM("${Errors}")'}
  Slowly:
    Type: AWS::CodeDeploy::DeploymentConfig
    Properties:
      ComputePlatform: Lambda
      TrafficRoutingConfig:
        Type: TimeBasedCanary
        TimeBasedCanary: {CanaryPercentage: 10, CanaryInterval: 5}
  Application:
    Type: AWS::CodeDeploy::Application
    Properties: {ComputePlatform: Lambda}
  ShiftRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: codedeploy.amazonaws.com}}
      ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]
  Shift:
    Type: AWS::CodeDeploy::DeploymentGroup
    Properties:
      ApplicationName: !Ref Application
      ServiceRoleArn: !GetAtt ShiftRole.Arn
      DeploymentConfigName: !Ref Slowly
      DeploymentStyle: {DeploymentType: BLUE_GREEN, DeploymentOption: WITH_TRAFFIC_CONTROL}
      AlarmConfiguration: {Enabled: true, Alarms: [{Name: !Ref Anything}]}
      AutoRollbackConfiguration: {Enabled: true, Events: [DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM]}
Outputs:
  Function: {Value: !Ref Greet}
  Machine: {Value: !Ref Machine}
  Api: {Value: !GetAtt HttpApi.ApiEndpoint}
"""
FILES = {
    "template.yaml": TEMPLATE,
    "function/app.py": """
        import os, words
        def handler(event, context):
            return {"said": os.environ["GREETING"] + words.END, "version": context.function_version}
        """,
    "layer/python/words.py": "END = '!'\n",
    "machine.asl.yaml": """
        QueryLanguage: JSONata
        StartAt: Greet
        States:
          Greet:
            Type: Task
            Resource: arn:aws:states:::lambda:invoke
            Arguments: {FunctionName: "${GreetArn}", Payload: {}}
            Output: "{% $states.result.Payload.said %}"
            End: true
        """,
}


class App:
    """A SAM app in a folder, and the SAM CLI run on it."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder = folder
        self.world = world
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def sam(self, *arguments: str, fails: bool = False) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "AWS_ENDPOINT_URL": self.world.endpoint,
            "AWS_ACCESS_KEY_ID": PERSON_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": PERSON_ACCESS_KEY,
            "AWS_DEFAULT_REGION": self.world.settings.region,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",
        }
        done = subprocess.run(
            [SAM, *arguments],
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=240,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout
        return done.stdout

    def deploy(self, *arguments: str, fails: bool = False) -> str:
        options = ("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar")
        return self.sam("deploy", "--stack-name", "greeter", *options, *arguments, fails=fails)

    def outputs(self) -> dict[str, str]:
        stack = self.world.client("cloudformation").describe_stacks(StackName="greeter")["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def says(self) -> Any:
        answer = self.world.client("lambda").invoke(FunctionName=self.outputs()["Function"], Qualifier="live")
        return json.loads(answer["Payload"].read())

    def machine_says(self) -> str:
        machines = self.world.client("stepfunctions")
        arn = machines.start_execution(stateMachineArn=self.outputs()["Machine"], input="{}")["executionArn"]
        deadline = time.monotonic() + 60
        while (found := machines.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert found["status"] == "SUCCEEDED", found
        return str(json.loads(found["output"]))


@pytest.fixture
def app(tmp_path: Path, world_of: WorldOf) -> App:
    folder = tmp_path / "app"
    folder.mkdir()
    return App(folder, world_of(*ALL_SERVICES))


def test_an_app_lives_from_its_first_deployment_to_its_end(app: App) -> None:
    # GIVEN a built app; WHEN it is deployed, its bucket made on the way
    app.sam("build")
    assert "Successfully created/updated stack" in app.deploy()
    # THEN everything works together
    assert app.says() == {"said": "hello!", "version": "1"}
    assert app.machine_says() == "hello!"
    group = app.world.client("codedeploy").list_deployment_groups(
        applicationName=app.world.client("codedeploy").list_applications()["applications"][0]
    )
    assert len(group["deploymentGroups"]) == 1
    alarms = app.world.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [len(alarms[kind]) for kind in ("MetricAlarms", "CompositeAlarms")] == [1, 1]

    # WHEN nothing changed THEN SAM is told so
    assert "No changes to deploy" in app.deploy(fails=True)

    # WHEN code, layer and a parameter change THEN a new version serves
    app.write("layer/python/words.py", "END = '?'\n")
    app.write("function/app.py", FILES["function/app.py"].replace("words.END", "words.END * 2"))
    app.sam("build")
    app.deploy("--parameter-overrides", "Greeting=bye")
    assert app.says() == {"said": "bye??", "version": "2"}
    assert app.machine_says() == "bye??"

    # WHEN an update fails THEN what was is there again
    broken = TEMPLATE.replace("Period: 60", "Period: 7").replace("RetentionInDays: 7", "RetentionInDays: 14")
    app.write("template.yaml", broken)
    app.write("machine.asl.yaml", FILES["machine.asl.yaml"].replace(".said", ".nothing"))
    app.sam("build")
    assert "UPDATE_ROLLBACK_COMPLETE" in app.deploy("--parameter-overrides", "Greeting=bye", fails=True)
    assert app.says()["said"] == "bye??"
    assert app.machine_says() == "bye??"
    groups = app.world.client("logs").describe_log_groups(logGroupNamePrefix="greeter-Logs")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [7]

    # WHEN it is deleted THEN nothing is left
    app.sam("delete", "--stack-name", "greeter", "--no-prompts")
    assert app.world.client("lambda").list_functions()["Functions"] == []
    assert app.world.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert app.world.client("iam").list_roles()["Roles"] == []
    assert app.world.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_what_localaws_lacks_is_named_by_the_deployment(app: App) -> None:
    app.write(
        "template.yaml",
        TEMPLATE.replace(
            "AutoPublishAlias: live\n", "AutoPublishAlias: live\n      DeploymentPreference: {Type: AllAtOnce}\n"
        ),
    )
    app.sam("build")
    told = app.deploy(fails=True)
    assert "UpdatePolicy of GreetAliaslive" in told
    assert app.world.client("lambda").list_functions()["Functions"] == []
