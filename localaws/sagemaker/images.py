"""Which container images there are here: AWS's XGBoost image, which `settings.jobs_python` stands for."""

from __future__ import annotations

import re

from localaws.errors import NotModelledError

XGBOOST = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/sagemaker-xgboost:3\.0-5")


def check_image(uri: str) -> None:
    """Raise `NotModelledError`, naming the image, unless it is the XGBoost image of some region."""
    if not XGBOOST.fullmatch(uri):
        raise NotModelledError(f"the image {uri!r}: there is only AWS's sagemaker-xgboost:3.0-5")
