"""What validate writes, opened by the programs that people open it with."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from junitparser import JUnitXml

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ["LIGHTER_PLAN_BINARY"]).resolve()
TOOLS = pathlib.Path(sys.executable).parent
PLAN = (ROOT / "plans/sol-pair.yaml").read_text()
# Two errors and a warning, on lines that are known.
BAD = PLAN.replace("max_hold: 2m", "max_hodl: 2m") + "on_stop: leave\nvars: { size: 1 }\n"


def run(*command, cwd=ROOT, env=None, code=0):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True
    )
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/bad.yaml").write_text(BAD)
    (tmp_path / "plans/good.yaml").write_text(PLAN)
    return tmp_path


def test_sarif_is_opened_by_sarif_tools(folder):
    run(BINARY, "validate", "--format", "sarif:found.sarif", "plans", cwd=folder, code=1)
    summary = run(TOOLS / "sarif", "summary", "found.sarif", cwd=folder).stdout
    assert re.search(r"error: \d+", summary) and "LP101" in summary, summary
    run(TOOLS / "sarif", "csv", "--output", "found.csv", "found.sarif", cwd=folder)
    rows = (folder / "found.csv").read_text()
    assert "plans/bad.yaml" in rows and "LP602" in rows, rows
    # An empty result is a result.
    run(BINARY, "validate", "--format", "sarif:none.sarif", "plans/good.yaml", cwd=folder)
    assert json.loads((folder / "none.sarif").read_text())["runs"][0]["results"] == []


def test_junit_is_opened_by_junitparser(folder):
    run(BINARY, "validate", "--format", "junit:found.xml", "plans", cwd=folder, code=1)
    report = JUnitXml.fromfile(str(folder / "found.xml"))
    assert report.failures == sum(suite.failures for suite in report) > 0
    assert {suite.name for suite in report} == {"plans/bad.yaml", "plans/good.yaml"}


def test_gitlab_has_what_its_documentation_asks_for(folder):
    text = run(BINARY, "validate", "--format", "gitlab", "plans", cwd=folder, code=1).stdout
    rows = json.loads(text)
    for row in rows:
        assert {"description", "check_name", "fingerprint", "severity", "location"} <= row.keys()
        assert row["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert row["location"]["path"] == "plans/bad.yaml" and row["location"]["lines"]["begin"] >= 1
    assert len({row["fingerprint"] for row in rows}) == len(rows) > 0


def test_the_problem_matcher_reads_every_line(folder):
    matcher = json.loads((ROOT / ".github/problem-matcher.json").read_text())["problemMatcher"][0]["pattern"][0]
    lines = run(BINARY, "validate", "--format", "concise", "plans", cwd=folder, code=1).stdout.splitlines()
    assert lines
    for line in lines:
        found = re.match(matcher["regexp"], line)
        assert found, line
        assert found[matcher["file"]] == "plans/bad.yaml" and found[matcher["code"]].startswith("LP")


def test_the_schemas_are_schemas_and_the_plans_fit(folder):
    for schema in sorted((ROOT / "schemas").glob("*.json")):
        run(TOOLS / "check-jsonschema", "--check-metaschema", schema)
    schema = ROOT / "schemas/plan.v1.schema.json"
    run(TOOLS / "check-jsonschema", "--schemafile", schema, *sorted((ROOT / "plans").glob("*.yaml")))
    run(TOOLS / "check-jsonschema", "--schemafile", schema, "plans/bad.yaml", cwd=folder, code=1)
    report = folder / "found.json"
    run(BINARY, "validate", "--format", f"json:{report}", "plans", cwd=folder, code=1)
    run(TOOLS / "check-jsonschema", "--schemafile", ROOT / "schemas/findings.v1.schema.json", report)


def test_pre_commit_keeps_a_bad_plan_out(folder, tmp_path_factory):
    hooks = tmp_path_factory.mktemp("hooks")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for repository in (hooks, folder):
        run("git", "init", "-q", "-b", "main", cwd=repository)
    run("git", "add", "-A", cwd=hooks)
    run("git", *identity, "commit", "-q", "-m", "hooks", cwd=hooks)
    revision = run("git", "rev-parse", "HEAD", cwd=hooks).stdout.strip()
    config = f"repos:\n  - repo: {hooks}\n    rev: {revision}\n    hooks:\n      - id: lighter-plan-system\n"
    (folder / ".pre-commit-config.yaml").write_text(config)
    run("git", "add", "-A", cwd=folder)
    env = {"PATH": f"{BINARY.parent}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(hooks / "cache")}
    refused = run(TOOLS / "pre-commit", "run", "--all-files", cwd=folder, env=env, code=1)
    assert "LP101" in refused.stdout and "plans/bad.yaml" in refused.stdout, refused.stdout
    (folder / "plans/bad.yaml").write_text(PLAN)
    run("git", "add", "-A", cwd=folder)
    assert "Passed" in run(TOOLS / "pre-commit", "run", "--all-files", cwd=folder, env=env).stdout


def test_the_action_annotates_summarises_and_keeps_the_code(folder):
    env = {
        "LIGHTER_PLAN": str(BINARY),
        "PATHS": "plans",
        "ARGS": "--ignore LP602",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }
    done = run(ROOT / ".github/action/run.sh", cwd=folder, env=env, code=1)
    assert "::error file=plans/bad.yaml,line=" in done.stdout and "LP602" not in done.stdout, done.stdout
    assert "exit-code=1\nsarif=lighter-plan.sarif\n" in (folder / "output").read_text()
    assert "bad.yaml" in (folder / "summary").read_text()
    assert json.loads((folder / "lighter-plan.sarif").read_text())["version"] == "2.1.0"
    done = run(ROOT / ".github/action/run.sh", cwd=folder, env={**env, "PATHS": "plans/good.yaml"})
    assert "No findings" in (folder / "summary").read_text()
    run(ROOT / ".github/action/run.sh", cwd=folder, env={**env, "PATHS": "missing"}, code=3)


def test_workflow_files_are_sound():
    run(TOOLS / "yamllint", "-d", "{extends: relaxed, rules: {line-length: disable}}", "action.yml", ".github",
        ".pre-commit-hooks.yaml", "docs/examples/gitlab-ci.yml")
    schemas = {"action.yml": "vendor.github-actions", ".github/workflows/ci.yml": "vendor.github-workflows",
               "docs/examples/gitlab-ci.yml": "vendor.gitlab-ci"}
    for file, schema in schemas.items():
        transform = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
        run(TOOLS / "check-jsonschema", "--builtin-schema", schema, *transform, file)
