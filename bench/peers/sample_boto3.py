"""Peer: what most samples do. A boto3 client made at import, the body passed on, errors answered with 500."""

from __future__ import annotations

import logging
import os
from typing import Any

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)
client = boto3.client("sagemaker-runtime")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    try:
        response = client.invoke_endpoint(
            EndpointName=os.environ["ENDPOINT_NAME"],
            ContentType=event["headers"]["content-type"],
            Body=event["body"].encode(),
            Accept="text/csv",
        )
        answer = response["Body"].read().decode()
        logger.info("predicted with %s", response.get("InvokedProductionVariant"))
        return {"statusCode": 200, "headers": {"content-type": "text/csv"}, "body": answer}
    except Exception:
        logger.exception("prediction failed")
        return {"statusCode": 500, "body": "internal error"}
