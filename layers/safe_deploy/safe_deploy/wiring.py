"""Which gateway stands for which port, and where its settings come from. Used by every function."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache, cached_property

from safe_deploy.config import model_name, setting
from safe_deploy.domain.source import Source
from safe_deploy.gateways.activity import StepFunctionsActivity
from safe_deploy.gateways.alarms import CloudWatchAlarms
from safe_deploy.gateways.approvals import TableApprovals
from safe_deploy.gateways.attempts import TableAttempts
from safe_deploy.gateways.audit import TableAudit
from safe_deploy.gateways.deployments import CodeDeployDeployments
from safe_deploy.gateways.endpoints import AwsEndpoints
from safe_deploy.gateways.executions import StepFunctionsExecutions
from safe_deploy.gateways.functions import LambdaFunctions
from safe_deploy.gateways.inventory import AwsInventory
from safe_deploy.gateways.jobs import SageMakerJobs
from safe_deploy.gateways.keys import KmsKeys
from safe_deploy.gateways.locks import TableLocks
from safe_deploy.gateways.mailbox import SesMailbox
from safe_deploy.gateways.metrics import CloudWatchMetrics
from safe_deploy.gateways.model_source import read_source
from safe_deploy.gateways.objects import S3Objects
from safe_deploy.gateways.packages import RegisteredPackages
from safe_deploy.gateways.predictions import SageMakerPredictions
from safe_deploy.gateways.releases import TableReleases
from safe_deploy.gateways.reminders import SchedulerReminders
from safe_deploy.gateways.request_logs import CloudWatchRequestLogs
from safe_deploy.gateways.rollbacks import TableRollbacks
from safe_deploy.gateways.table import Table
from safe_deploy.gateways.task_tokens import TableTaskTokens
from safe_deploy.gateways.topics import SnsTopic
from safe_deploy.gateways.upkeep import TableUpkeep


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Return a reading of a clock that never goes back."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Aws:
    """Everything outside, as AWS has it. A function needs the settings only of what it uses."""

    @cached_property
    def _table(self) -> Table:
        return Table(setting("TABLE_NAME"))

    @cached_property
    def _audit(self) -> TableAudit:
        return TableAudit(Table(setting("AUDIT_TABLE_NAME")))

    @cached_property
    def releases(self) -> TableReleases:
        """Return the release records."""
        return TableReleases(self._table, lambda: self._audit)

    @cached_property
    def approvals(self) -> TableApprovals:
        """Return the approvals."""
        return TableApprovals(self._table, lambda: self._audit)

    @cached_property
    def task_tokens(self) -> TableTaskTokens:
        """Return the tokens of tasks that wait for people."""
        return TableTaskTokens(self._table)

    @cached_property
    def activity(self) -> StepFunctionsActivity:
        """Return the activity in which releases wait for people."""
        return StepFunctionsActivity(setting("APPROVAL_ACTIVITY_ARN"))

    @cached_property
    def attempts(self) -> TableAttempts:
        """Return the counters of visits."""
        return TableAttempts(self._table)

    @cached_property
    def reminders(self) -> SchedulerReminders:
        """Return the reminders of approvals."""
        return SchedulerReminders(setting("SCHEDULE_GROUP"), setting("REMIND_FUNCTION_ARN"), setting("REMIND_ROLE_ARN"))

    @cached_property
    def mailbox(self) -> SesMailbox:
        """Return the mail to single persons."""
        return SesMailbox(setting("SENDER_EMAIL"))

    @cached_property
    def rollbacks(self) -> TableRollbacks:
        """Return what became of each attempt to go back."""
        return TableRollbacks(self._table)

    @cached_property
    def locks(self) -> TableLocks:
        """Return the production lock."""
        return TableLocks(self._table)

    @cached_property
    def objects(self) -> S3Objects:
        """Return S3."""
        return S3Objects()

    @cached_property
    def functions(self) -> LambdaFunctions:
        """Return the inference function."""
        return LambdaFunctions(setting("PREDICT_FUNCTION_NAME"), setting("LIVE_ALIAS"))

    @cached_property
    def request_logs(self) -> CloudWatchRequestLogs:
        """Return the inference function's log."""
        return CloudWatchRequestLogs(setting("PREDICT_LOG_GROUP"))

    @cached_property
    def predictions(self) -> SageMakerPredictions:
        """Return the endpoints, asked for scores."""
        return SageMakerPredictions()

    @cached_property
    def endpoints(self) -> AwsEndpoints:
        """Return the endpoints and what surrounds them, to be looked at."""
        return AwsEndpoints()

    @cached_property
    def packages(self) -> RegisteredPackages:
        """Return the model registry."""
        return RegisteredPackages()

    @cached_property
    def executions(self) -> StepFunctionsExecutions:
        """Return the executions of the state machines."""
        return StepFunctionsExecutions()

    @cached_property
    def deployments(self) -> CodeDeployDeployments:
        """Return CodeDeploy's deployments."""
        return CodeDeployDeployments()

    @cached_property
    def jobs(self) -> SageMakerJobs:
        """Return SageMaker's jobs."""
        return SageMakerJobs()

    @cached_property
    def alarms(self) -> CloudWatchAlarms:
        """Return CloudWatch's alarms."""
        return CloudWatchAlarms()

    @cached_property
    def inventory(self) -> AwsInventory:
        """Return what releases have in the account."""
        return AwsInventory(model_name())

    @cached_property
    def upkeep(self) -> TableUpkeep:
        """Return what the hourly check of production saw last."""
        return TableUpkeep(self._table)

    @cached_property
    def topic(self) -> SnsTopic:
        """Return the topic for notices."""
        return SnsTopic(setting("TOPIC_ARN"))

    @cached_property
    def keys(self) -> KmsKeys:
        """Return the app's key."""
        return KmsKeys(setting("KEY_ARN"))

    @cached_property
    def metrics(self) -> CloudWatchMetrics:
        """Return the metrics' namespace."""
        return CloudWatchMetrics(setting("METRICS_NAMESPACE"))

    @cached_property
    def source(self) -> Source:
        """Return the user's model/ and our jobs/."""
        return read_source()

    @cached_property
    def clock(self) -> SystemClock:
        """Return the clock."""
        return SystemClock()


@cache
def aws() -> Aws:
    """Return everything outside, kept while the function is warm."""
    return Aws()
