"""The pages against the project: what exists is named, what is named exists, quoted words are the real ones."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from safe_deploy.domain.deployment import SERVING
from safe_deploy.domain.manifest import Manifest
from safe_deploy.domain.policy import Policy
from safe_deploy.domain.shift.strategy import Strategy
from safe_deploy.errors import InvalidRequestError

from cli.__main__ import parser
from localaws.faults.places import PLACES

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".venvs", ".aws-sam", ".localaws", "build", "dist", "node_modules", ".git", ".cache", ".pytest_cache"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DIAGRAMS = ("flowchart ", "sequenceDiagram", "stateDiagram-v2", "graph ")
NAMED_BY_LAMBDA = re.compile(r"^(AWS_|_X_AMZN)")


def markdown() -> list[Path]:
    """Every page of the project."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in found if not SKIPPED & set(path.parts))


def text_of(path: Path) -> str:
    """A page's text."""
    return (ROOT / path).read_text(encoding="utf-8")


PAGES = [path for path in markdown() if path.parts[0] in ("README.md", "docs")]
EVERYTHING = "\n".join(text_of(path) for path in PAGES)
CODE = {part for span in re.findall(r"`([^`\n]+)`", EVERYTHING) for part in (span, *re.findall(r"[\w./-]+", span))} | {
    word for _, block in FENCE.findall(EVERYTHING) for word in re.findall(r"[\w./-]+", block)
}
"""What stands in the pages as code: spans, their words, and the words of blocks."""


def missing(names: Iterator[str] | list[str]) -> list[str]:
    """Those names that no page has as code."""
    return sorted({name for name in names if name not in CODE})


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, whose values don't matter here."""


Template.add_multi_constructor("!", lambda *_: None)


def template() -> dict[str, Any]:
    """template.yaml, with null for every function."""
    return dict(yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Template))


def states(machine: dict[str, Any]) -> Iterator[str]:
    """Every state's name, those of branches included."""
    for name, state in machine["States"].items():
        yield name
        for branch in state.get("Branches", ()):
            yield from states(branch)


def options(source: str) -> Iterator[str]:
    """The long options that a module's parsers take."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            given = (str(a.value) for a in call.args if isinstance(a, ast.Constant))
            yield from (name for name in given if name.startswith("--"))


def strings(*folders: str) -> str:
    """Every string in the code of some folders, in pieces between what is filled in."""
    sources = [
        path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "build" not in path.parts
    ]
    nodes = (node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(str(n.value) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))


def section_of(page: str, heading: str) -> str:
    """The text under a heading."""
    return text_of(Path(page)).split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def rows(page: str, heading: str) -> list[list[str]]:
    """The rows of the tables under a heading, without heads: their cells."""
    lines = [line for line in section_of(page, heading).splitlines() if line.startswith("|")]
    bodies = [line for place, line in enumerate(lines) if not is_head(lines, place)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in bodies]


def names_in(page: str, heading: str, before: str = "") -> list[str]:
    """What the tables under a heading name in their first column, as code."""
    return [name for row in rows(page, heading) for name in re.findall(rf"`{before}([\w-]+)`", row[0])]


def is_head(lines: list[str], place: int) -> bool:
    """Whether a table's line is its head or the rule below it."""
    return any(re.fullmatch(r"[|\s:-]+", line) for line in lines[place : place + 2])


# ---- What exists is named --------------------------------------------------------------------------------------


def test_every_make_target_is_named() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert len(targets) > 5
    assert sorted(names_in("docs/operations.md", "Commands of this repository", "make ")) == sorted(targets)


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_what_make_test_leaves_out_is_named(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", makefile, re.M))
    left_out = re.findall(r"^LONG := (.*)$", makefile, re.M)[0].split()
    lines = [line for line in text_of(Path(page)).splitlines() if re.search(r"make test\b(?!-)", line)]
    named = [target for line in lines for target in re.findall(r"make (test-[a-z]+)", line) if target != "test-fast"]
    assert [part for part in left_out if not any(f"tests/{part}" in recipes[target] for target in named)] == []


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
def test_the_templates_parameters_and_outputs_stand_in_their_table(section: str) -> None:
    assert sorted(names_in("docs/operations.md", section)) == sorted(template()[section])


def test_parameters_have_the_defaults_that_their_table_says() -> None:
    for row in rows("docs/operations.md", "Parameters"):
        for name in re.findall(r"`(\w+)`", row[0]):
            default = str(template()["Parameters"][name].get("Default", ""))
            assert not default or re.search(rf"(?<![\w.]){re.escape(default)}(?![\w.])", row[1]), name


def test_what_counts_as_serving_is_named() -> None:
    (row,) = [row for row in rows("docs/operations.md", "Edits by hand") if row[0] == "`endpoint`"]
    assert set(re.findall(r"`(\w+)`", row[1])) == set(SERVING)


@pytest.mark.parametrize(("notice", "word"), [("is live", "Let It Scale In"), ("was stopped", "read back")])
def test_what_a_mail_may_say_besides_is_told(notice: str, word: str) -> None:
    (row,) = [row for row in rows("docs/operations.md", "What each notice means") if row[0] == f"`… {notice}`"]
    assert word in row[1] + row[2]


@pytest.mark.parametrize("heading", ["Steps that CodeDeploy hasn't", "Delete the stack"])
def test_configurations_that_outlive_a_stack_can_be_found_and_removed(heading: str) -> None:
    section = section_of("docs/operations.md", heading)
    assert "delete-deployment-config " in section
    (pattern,) = re.findall(r'grep -E "\^\$(?:1|MODEL)(.+?)"', section)
    own = Strategy("canary", 13, 7).config_name("m")
    assert re.match(f"m{pattern}", own), "the command finds those that a release makes"
    assert not re.match(f"m{pattern}", Strategy("canary", 13, 7).config_name("m-rides"))


def test_what_a_deleted_stack_leaves_is_named() -> None:
    kept = {name for name, made in template()["Resources"].items() if made.get("DeletionPolicy") == "Retain"}
    section = section_of("docs/operations.md", "Delete the stack")
    assert "Key" in kept
    assert "the key" in section
    assert {f"{name}Name" for name in kept - {"Key"}} <= set(re.findall(r"`(\w+)`", section))


def subjects() -> Iterator[str]:
    """What mails' subjects are made of, in pieces between what is filled in."""
    for name in ("notices", "rollback_notice"):
        source = (ROOT / f"layers/safe_deploy/safe_deploy/domain/{name}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            found: list[ast.expr] = []
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Notice.of":
                found = node.args[:1]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "subjects":
                found = list(node.value.values) if isinstance(node.value, ast.Dict) else []
            parts = (part for expression in found for part in ast.walk(expression) if isinstance(part, ast.Constant))
            yield from (part.value for part in parts if isinstance(part.value, str))
    for path in (ROOT / "statemachines").glob("*.yaml"):
        for words in re.findall(r"Subject: '(.*)'", path.read_text(encoding="utf-8")):
            yield from re.split(r"\$\{\w+\}|\{%|%\}|[\"&]|\$\w+", words)


def test_every_notice_stands_in_the_table() -> None:
    named = "\n".join(row[0] for row in rows("docs/operations.md", "What each notice means"))
    pieces = {piece.strip(" :") for piece in subjects()} - {"release"}
    assert len(pieces) > 15
    assert sorted(piece for piece in pieces if piece not in named) == []


@pytest.mark.parametrize("machine", sorted(path.name for path in (ROOT / "statemachines").glob("*.asl.yaml")))
def test_every_state_is_named(machine: str) -> None:
    definition = yaml.safe_load((ROOT / "statemachines" / machine).read_text(encoding="utf-8"))
    assert missing(states(definition)) == []


def test_every_place_and_effect_of_a_fault_is_named() -> None:
    effects = [(kind, *effect.members) for place in PLACES.values() for kind, effect in place.effects.items()]
    assert missing([*PLACES, *(fact for place in PLACES.values() for fact in place.facts)]) == []
    assert missing([name for names in effects for name in names]) == []


def test_every_function_is_named() -> None:
    folders = [path.parent.name for path in (ROOT / "functions").glob("*/app.py")]
    assert len(folders) > 10
    assert missing([f"functions/{name}" for name in folders]) == []


def test_every_setting_of_the_functions_is_named() -> None:
    read = set[str]()
    for path in [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/safe_deploy/safe_deploy").rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        read |= set(re.findall(r"(?:setting\(|environ(?:\.get\(|\[))\s*\"([A-Z_]+)\"", source))
    globals_ = template()["Globals"]["Function"]["Environment"]["Variables"]
    resources = template()["Resources"].values()
    functions = [r["Properties"] for r in resources if r["Type"] == "AWS::Serverless::Function"]
    given = {name for f in functions for name in f["Environment"]["Variables"]} | set(globals_)
    assert missing(list(read | given)) == []
    assert {name for name in read if not NAMED_BY_LAMBDA.match(name)} <= given


@pytest.mark.parametrize("program", ["localaws", "demo", "cli"])
def test_every_option_is_named(program: str) -> None:
    found = list(options((ROOT / program / "__main__.py").read_text(encoding="utf-8")))
    assert len(found) > 3
    assert missing(found) == []


def test_every_variable_of_the_command_line_is_named() -> None:
    read = re.findall(
        r"environ(?:\.get\(|\[)\s*\"([A-Z_]+)\"",
        "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "cli").glob("*.py")),
    )
    assert read
    assert missing(read) == []


def test_every_command_of_the_command_line_is_in_its_section() -> None:
    section = section_of("docs/operations.md", "The command line")
    (choices,) = (action.choices for action in parser()._actions if action.dest == "command")
    assert [name for name in choices or () if f"python -m cli {name} " not in section] == []


def test_every_direct_dependency_has_a_line() -> None:
    files = [*(ROOT / "requirements").glob("*.in"), ROOT / "layers/safe_deploy/requirements.txt"]
    asked = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    names = {re.split(r"[\[<>=!~ ]", line, maxsplit=1)[0] for line in asked}
    lines = re.findall(r"^\| ([\w.-]+) \| [^|]+ \| [^|]+ \|", text_of(Path("docs/dependencies.md")), re.M)
    assert sorted(names - set(lines)) == []
    assert sorted(set(lines) - names - {"package"}) == []


# ---- What is named exists --------------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """A heading's anchor."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", "")).replace(" ", "-")


@pytest.mark.parametrize("page", markdown(), ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", text_of(page))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        assert there.exists(), f"{page} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", FENCE.sub("", there.read_text(encoding="utf-8")), re.M)
            assert anchor in map(slug, headings), f"{page} links to {target}"


def test_files_that_pages_name_exist() -> None:
    rooms = ("", "layers/safe_deploy/safe_deploy", "localaws")
    kinds = r"\.(py|yaml|md|json|in|toml)"
    named = {
        span
        for page in PAGES
        for span in re.findall(r"`([^`\n]+)`", FENCE.sub("", text_of(page)))
        if re.fullmatch(rf"[a-z_][\w/.-]*/[\w.-]+{kinds}", span)
        and "sagemaker_" not in span
        and "algorithm_" not in span
    }
    assert len(named) > 30
    assert (
        sorted(n for n in named if n.split("/")[0] != "drops" and not any((ROOT / r / n).exists() for r in rooms)) == []
    )


# ---- Quoted words are the real ones ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "reason"), [r[:2] for r in rows("docs/manifest.md", "What is refused at once") if r[0][0] == "`"]
)
def test_a_manifest_is_refused_in_the_words_that_the_page_quotes(manifest: str, reason: str) -> None:
    policy = Policy.parse(json.loads((ROOT / "model/policy.json").read_text(encoding="utf-8")))
    with pytest.raises(InvalidRequestError) as refused:
        policy.with_overrides(Manifest.parse(manifest.strip("`").encode()).hyperparameters)
    quoted = reason.strip("`")
    said = str(refused.value)
    assert said.startswith(quoted.removesuffix("…")) if quoted.endswith("…") else said == quoted


@pytest.mark.parametrize(
    ("page", "heading", "column", "folders"),
    [
        ("docs/manifest.md", "What is refused at once", 1, ("layers/safe_deploy/safe_deploy",)),
        ("docs/manifest.md", "What the prepare job refuses", 1, ("jobs",)),
        ("docs/operations.md", "What each notice means", 0, ("layers/safe_deploy/safe_deploy",)),
    ],
)
def test_quoted_messages_are_in_the_code(page: str, heading: str, column: int, folders: tuple[str, ...]) -> None:
    spoken = strings(*folders) + "\n".join(
        p.read_text(encoding="utf-8") for p in (ROOT / "statemachines").glob("*.yaml")
    )
    quoted = [span for row in rows(page, heading) for span in re.findall(r"`([^`]+)`", row[column]) if " " in span]
    assert len(quoted) > 5
    for message in quoted:
        if column == 1 and message.startswith("manifest.json") and "isn't in" not in message:
            continue  # produced by the test above
        pieces = [piece.strip(" :") for piece in re.split(r"…|<\w+>", message)]
        assert [piece for piece in pieces if len(piece) > 3 and piece not in spoken and piece != "ALARM"] == [], message


# ---- The pages themselves --------------------------------------------------------------------------------------


def blocks() -> list[tuple[str, str]]:
    """Every diagram: where it stands, and its text."""
    return [
        (str(page), body) for page in markdown() for kind, body in FENCE.findall(text_of(page)) if kind == "mermaid"
    ]


@pytest.mark.parametrize(("page", "diagram"), blocks())
def test_diagrams_are_whole(page: str, diagram: str) -> None:
    assert diagram.startswith(DIAGRAMS), page
    unquoted = re.sub(r'"[^"\n]*"', "", diagram)
    stack: list[str] = []
    for sign in re.sub(r"--?>>?|-->|==>", "", unquoted):
        if sign in "([{":
            stack.append(sign)
        elif sign in ")]}":
            opened = stack.pop() if stack else "nothing"
            assert opened + sign in ("()", "[]", "{}"), f"{page}: {sign} closes {opened}"
    assert not stack, f"{page}: {stack} stay open"
    assert diagram.count('"') % 2 == 0
    if diagram.startswith("flowchart"):
        assert unquoted.count("|") % 2 == 0, f"{page}: an edge's label is open"
        assert unquoted.count("subgraph") == len(re.findall(r"^\s*end\s*$", unquoted, re.M))


@pytest.mark.parametrize("page", markdown(), ids=str)
def test_tables_are_whole(page: Path) -> None:
    lines = FENCE.sub("", text_of(page)).splitlines()
    begins = [
        place for place, line in enumerate(lines) if line.startswith("|") and not lines[place - 1].startswith("|")
    ]
    assert [lines[place] for place in begins if not is_head(lines, place)] == []


@pytest.mark.parametrize("page", markdown(), ids=str)
def test_pages_hold_nothing_of_a_workplace(page: Path) -> None:
    text = text_of(page)
    foreign = re.compile(r"\bsession \d|\bissues? #\d|\bhelper\b|\bTODO\b|\bFIXME\b", re.I)
    assert foreign.findall(re.sub(r"https?://\S+", "", text)) == []
    assert text.count("```") % 2 == 0
