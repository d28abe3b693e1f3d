"""`run.py demo`: two help desks' signed samples reach every stop, on a real instance with real connections."""

import pytest

from supportops.running.demo import demo

pytestmark = pytest.mark.servers


def test_every_stop_is_reached_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo() == 0
    said = capsys.readouterr().out
    # The urgent ticket becomes one message, the other none; the refund becomes a card and a message.
    assert said.count("Urgent ticket: Nobody can sign in") == 2, "once rendered, once arrived"
    assert "How do I change my address?" not in said.partition("What arrived")[2]
    assert "priority eq 4, it is 2: no" in said
    assert "New card: Refund: Charged twice for order 58211" in said.partition("What arrived")[2]
    assert said.count("with a forged signature: 401") == 3
