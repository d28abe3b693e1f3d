"""README's first rule and the examples of docs/api.md, run word for word on a real instance with the sandbox."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from supportops.running.trial import Trial
from tests.docs.fenced import Block, blocks

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with Trial(tmp_path_factory.mktemp("first-rule")) as trial:
        yield trial


def run(trial: Trial, token: str, script: list[Block]) -> str:
    """Run the blocks in one shell, as somebody who copies them one after the other; give what was printed."""
    bash = shutil.which("bash")
    assert bash, "the examples are written for bash"
    text = "".join(block.text for block in script)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{trial.port}").replace(
        "127.0.0.1:4010", f"127.0.0.1:{trial.sandbox_port}"
    )
    done = subprocess.run(
        [bash, "-euo", "pipefail", "-c", text],
        env={**trial.environment(), "TOKEN": token},
        cwd=trial.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_first_rule_of_the_readme(trial: Trial) -> None:
    printed = run(trial, trial.make_organization("first"), blocks("README.md", "sh", "first-rule"))

    assert '"success":true,"message":"Signed in at acme.freshdesk.com' in printed
    assert '"success":true,"message":"Slack knows us as supportops in Sandbox' in printed
    assert '"matched":true' in printed
    assert '"status":"succeeded"' in printed
    assert "'outcome': 'not_matched'" in printed
    assert "_error" not in printed
    messages = [arrival["body"] for arrival in trial.arrived("slack")]
    assert messages == [{"channel": "#urgent-tickets", "text": "Urgent ticket: Nobody can sign in"}]


def test_the_examples_of_the_api(trial: Trial) -> None:
    script = [*blocks("README.md", "sh", "first-rule"), *blocks("docs/api.md", "sh", "api")]
    printed = run(trial, trial.make_organization("api"), script)

    refused = [line for line in printed.splitlines() if '"errors":' in line]
    assert len(refused) == 1, refused
    for part in (
        "did you mean 'ticket_created'?",
        "did you mean 'message'?",
        '"version":3',
        '"circuit":"closed"',
        '"valid":true',
        '"action":"rule.changed"',
        '{"status": "ok"}',
    ):
        assert part in printed, part
    messages = [arrival["body"]["text"] for arrival in trial.arrived("slack")]
    assert messages.count("Lunch is ready") == 1
    notes = [arrival["body"] for arrival in trial.arrived("freshdesk")]
    assert len(notes) == 1 and "Seen by SupportOps" in notes[0]["body"]
