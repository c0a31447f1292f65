"""CodeDeploy, put together from its groups of operations. Built by the world."""

from __future__ import annotations

from localaws.codedeploy.deployments import Deployments


class CodeDeploy(Deployments):
    """Applications, configurations, groups and deployments, for Lambda."""
