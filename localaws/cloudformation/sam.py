"""The SAM transform, by AWS's own translator, without a network. Called when a template names it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from functools import reduce

import boto3
from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

from localaws.cloudformation.errors import invalid
from localaws.cloudformation.template import SERVERLESS, Body

_LOCK = threading.Lock()  # the translator keeps the region and its metrics in class attributes


def expand(body: Body, parameters: Mapping[str, object], region: str) -> Body:
    """The template, its serverless resources replaced. Raises `ValidationError` with the translator's words.

    Names of managed policies are those that the translator itself carries; IAM refuses any other.
    """
    given = copy.deepcopy(body)
    values = dict(parameters)
    with _LOCK:
        to_py27_compatible_template(given, values)
        translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
        try:
            expanded = translator.translate(
                given, parameter_values=values, passthrough_metadata=True, get_managed_policy_map=dict
            )
        except InvalidDocumentException as error:
            message = reduce(lambda text, cause: f"{text} {cause.message}", error.causes, error.message)
            raise invalid(f"Transform {SERVERLESS} failed with: {message}") from error
        except ExceptionWithMessage as error:
            raise invalid(f"Transform {SERVERLESS} failed with: {error.message}") from error
        finally:
            translator.metrics.publish()
    found: Body = undo_mark_unicode_str_in_template(expanded)
    found.pop("Globals", None)
    return found
