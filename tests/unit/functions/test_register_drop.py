"""A drop becomes a release, or is refused in words, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from safe_deploy.domain.release import State
from safe_deploy.errors import InvalidRequestError, RefusedError, TransientError

from tests.fakes.story import ARTIFACTS, DROPS, FIRST, MODEL, SECOND, Story, execution


def test_registers_a_drop_and_says_what_the_machine_needs(story: Story) -> None:
    story.drop(manifest={"files": ["sales.csv"], "overrides": {"hyperparameters": {"num_round": 7}}})
    answer = story.register()

    base = f"{MODEL}-{FIRST}"
    assert answer["status"] == "registered"
    assert answer["reason"] is None
    assert answer["names"] == {
        "base": base,
        "prepareJob": f"{base}-prepare",
        "trainingJob": f"{base}-train",
        "baselineJob": f"{base}-baseline",
        "evaluationJob": f"{base}-evaluate",
        "model": base,
        "devEndpoint": f"{base}-dev",
        "productionEndpoint": f"{base}-prod",
        "schedule": f"{base}-monitor",
    }
    uris = answer["uris"]
    assert uris["source"].endswith("/src/")
    assert uris["model"] == f"s3://{ARTIFACTS}/releases/{FIRST}/model"
    assert uris["capture"] == f"s3://{ARTIFACTS}/capture"
    assert uris["monitoring"] == f"s3://{ARTIFACTS}/monitoring/{FIRST}"
    assert answer["hyperparameters"] == {
        "num_round": "7",
        "objective": '"reg:squarederror"',
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": json.dumps(uris["sourceArchive"]),
        "sagemaker_region": '"eu-west-1"',
    }
    assert answer["champion"] is None
    assert answer["liveVersion"] == "1"
    assert answer["limits"] == {"trainingSeconds": 600, "approvalSeconds": None}
    assert answer["monitoring"] == {"comparisonThreshold": "0.1", "comparisonMethod": "Robust"}
    assert answer["graceSeconds"] == 3600


def test_uploads_the_files_list_and_the_code_once(story: Story) -> None:
    story.drop()
    uris = story.register()["uris"]
    objects = story.outside.objects
    assert objects.read_json(uris["dropManifest"]) == [
        {"prefix": f"s3://{DROPS}/drops/monday/"},
        "sales.csv",
    ]
    assert objects.content[uris["source"] + "model/train.py"] == b"print('train')\n"
    assert objects.content[uris["sourceArchive"]][:2] == b"\x1f\x8b"

    written = len(objects.written)
    story.drop("tuesday", other=b"size,price\n3,4\n")
    assert story.register(SECOND, "tuesday")["uris"]["source"] == uris["source"]
    assert objects.written[written:] == [f"s3://{ARTIFACTS}/releases/{SECOND}/drop.manifest"]


def test_a_retried_call_answers_the_same_and_writes_nothing_more(story: Story) -> None:
    story.drop()
    first = story.register()
    before = json.dumps([story.outside.memory.releases, story.outside.memory.audit])
    story.outside.clock.advance(60)
    assert story.register() == first
    assert json.dumps([story.outside.memory.releases, story.outside.memory.audit]) == before


def test_goes_on_where_an_attempt_died_after_the_record_was_made(story: Story) -> None:
    story.drop()
    story.outside.objects.denied.add(f"s3://{DROPS}/drops/monday/manifest.json")
    with pytest.raises(RefusedError, match="AccessDenied"):
        story.register()
    assert story.outside.releases.get(FIRST).state is State.REGISTERED

    story.outside.objects.denied.clear()
    assert story.register()["status"] == "registered"


def test_the_same_object_version_is_a_duplicate_and_makes_no_second_record(story: Story) -> None:
    story.drop()
    story.register()
    answer = story.register(SECOND)
    assert answer["status"] == "duplicate"
    assert FIRST in answer["reason"]
    assert SECOND not in story.outside.memory.releases


def refusal(story: Story, release_id: str = FIRST, folder: str = "monday") -> str:
    answer = story.register(release_id, folder)
    assert answer["status"] == "refused"
    record = story.outside.releases.get(release_id)
    assert (record.state, record.item["reason"]) == (State.REFUSED, answer["reason"])
    assert story.register(release_id, folder) == answer
    return str(answer["reason"])


def overriding(**hyperparameters: Any) -> dict[str, Any]:
    return {"files": ["sales.csv"], "overrides": {"hyperparameters": hyperparameters}}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"{", "manifest.json is not valid JSON"),
        (b'{"files": ["a.csv"], "files": ["b.csv"]}', 'gives the key "files" twice'),
        ({}, "files is missing"),
        ({"files": []}, "files must have 1 to 100 entries"),
        ({"files": ["../a.csv"]}, "plain file names"),
        ({"files": ["a.txt"]}, "ends in .csv"),
        ({"files": ["a.csv", "a.csv"]}, 'names "a.csv" twice'),
        ({"files": ["sales.csv"], "owner": "me"}, "owner is not a key"),
        ({"files": ["sales.csv"], "overrides": {"gates": []}}, "overrides.gates is not a key"),
        ({"files": ["gone.csv"]}, 'files names "gone.csv", which isn\'t in s3://'),
        (
            {"files": ["sales.csv"], "overrides": {"hyperparameters": {"objective": "x"}}},
            "may not be overridden",
        ),
        ({"files": ["sales.csv"], "overrides": {"hyperparameters": {"num_round": "7"}}}, "must be a number"),
        ({"files": ["sales.csv"], "overrides": {"hyperparameters": {"num_round": [7]}}}, "num_round must be"),
        (b" " * 65_537, "more than 65,536 bytes"),
    ],
)
def test_refuses_a_bad_manifest_naming_what_is_wrong(story: Story, manifest: Any, words: str) -> None:
    story.drop(manifest=manifest)
    assert words in refusal(story)


def test_refuses_an_empty_file(story: Story) -> None:
    story.drop(manifest={"files": ["sales.csv"]}, sales=b"")
    assert "sales.csv" in refusal(story)
    assert "empty" in refusal(story)


@pytest.mark.parametrize(
    ("document", "path", "value", "words"),
    [
        ("policy", ("gates",), [], "policy.json: gates must have"),
        ("policy", ("gates",), [{"metric": "f1", "atMost": 1}], "gates[0].metric must be one of rmse, r2"),
        ("policy", ("gates",), [{"metric": "rmse"}], "gates[0] must have exactly one of"),
        ("policy", ("training", "maximumSeconds"), "long", "training.maximumSeconds must be a number"),
        ("policy", ("overridable",), ["gates"], "overridable names"),
        ("policy", ("monitoring", "method"), "Exact", "monitoring.method must be one of Robust, Simple"),
        ("policy", ("extra",), 1, "extra is not a key"),
        ("contract", ("features",), [], "contract.json: features must have"),
        ("contract", ("features", 0, "name"), "price", "features name price twice"),
        ("contract", ("columns", 0, "type"), "money", "columns[0].type must be one of"),
        ("contract", ("columns", 0, "required"), False, "columns[0].blank must be"),
    ],
)
def test_refuses_a_bad_model_folder_naming_the_key(
    story: Story, document: str, path: tuple[Any, ...], value: Any, words: str
) -> None:
    target = getattr(story, document)
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    story.deploy_code()
    story.drop()
    assert words in refusal(story)


def test_refuses_the_same_content_while_its_release_is_in_progress(story: Story) -> None:
    story.drop()
    story.register()
    story.drop("again")
    reason = refusal(story, SECOND, "again")
    assert FIRST in reason
    assert "in progress" in reason


@pytest.mark.parametrize("outcome", ["failed", "rejected", "refused", "expired"])
def test_a_release_that_came_to_nothing_does_not_block_its_content(story: Story, outcome: str) -> None:
    story.drop()
    story.register()
    story.close(outcome)
    story.drop("again")
    assert story.register(SECOND, "again")["status"] == "registered"


def test_an_execution_that_was_stopped_does_not_block_its_content(story: Story) -> None:
    story.drop()
    story.register()
    story.outside.executions.statuses[execution(FIRST)] = "ABORTED"
    story.drop("again")
    assert story.register(SECOND, "again")["status"] == "registered"


def test_refuses_what_is_live_already_unless_the_code_is_another(story: Story) -> None:
    story.until_live()
    story.drop("again")
    assert f"release {FIRST} has the same data and code, and is live" in refusal(story, SECOND, "again")

    story.deploy_code(train=b"print('better')\n")
    story.drop("once-more")
    third = "20260202-090000-0e3f"
    assert story.register(third, "once-more")["status"] == "registered"


def test_names_the_champion_that_production_serves_from(story: Story) -> None:
    story.until_live()
    story.drop("tuesday", other=b"size,price\n3,4\n")
    answer = story.register(SECOND, "tuesday")
    assert answer["champion"] == {
        "releaseId": FIRST,
        "endpointName": f"{MODEL}-{FIRST}-prod",
        "version": "2",
        "modelDataUrl": f"s3://{ARTIFACTS}/releases/{FIRST}/model/{MODEL}-{FIRST}-train/output/model.tar.gz",
        "baselineUrl": f"s3://{ARTIFACTS}/releases/{FIRST}/baseline",
    }
    assert answer["liveVersion"] == "2"


def test_while_traffic_shifts_the_champion_is_the_alias_main_version(story: Story) -> None:
    story.until_live()
    story.publish(SECOND, "3")
    story.outside.functions.weights = {"3": 0.1}
    story.drop("wednesday", other=b"size,price\n5,6\n")
    assert story.register("20260203-090000-0e3f", "wednesday")["champion"]["releaseId"] == FIRST


def test_refuses_when_production_serves_from_what_has_no_record(story: Story) -> None:
    story.publish(SECOND, "9")
    story.outside.functions.alias = "9"
    story.drop()
    assert "no record" in refusal(story)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version-id": "null"}, "versioning must be on"),
        ({"key": "drops/a/b/manifest.json"}, "detail.object.key must be drops/<name>/manifest.json"),
        ({"key": "drops/a\nb/manifest.json"}, r'key has characters that don\'t print: "drops/a\\nb/manifest.json"'),
        ({"key": "drops/\u202eb/manifest.json"}, r'don\'t print: "drops/\\u202eb/manifest.json"'),
    ],
)
def test_an_event_that_is_no_drop_is_the_callers_mistake(story: Story, change: dict[str, str], words: str) -> None:
    from tests.fakes.story import object_created

    event = object_created()
    event["detail"]["object"] |= change
    with pytest.raises(InvalidRequestError, match=words):
        story.call("register_drop", {"releaseId": FIRST, "executionArn": "arn", "event": event})


def test_two_drops_of_the_same_content_at_once_end_with_a_retry(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    from safe_deploy.errors import ConditionFailedError

    story.drop()
    story.register()
    story.close("failed")

    def lose(*_: object, **__: object) -> None:
        raise ConditionFailedError("somebody else has it")

    monkeypatch.setattr(story.outside.releases, "take_data", lose)
    story.drop("again")
    with pytest.raises(TransientError):
        story.register(SECOND, "again")
