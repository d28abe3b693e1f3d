"""A worker rests for receipts in its process as long as there are some, in proportion to its work, and not for long."""

import threading
import time

from webhooks.giving_way import Receipts


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def rested(receipts: Receipts) -> float:
    began = time.monotonic()
    receipts.give_way()
    return time.monotonic() - began


def test_without_receipts_nobody_rests() -> None:
    receipts = Receipts()
    rested(receipts)
    compute(0.03)
    assert rested(receipts) < 0.02


def test_while_receipts_are_under_way_a_worker_rests_longer_than_it_worked() -> None:
    receipts = Receipts()
    rested(receipts)
    with receipts:
        compute(0.02)
        assert rested(receipts) >= 0.06
        assert rested(receipts) < 0.05, "it has not worked since"


def test_a_rest_ends_with_the_last_receipt_and_is_never_long() -> None:
    receipts = Receipts()
    rested(receipts)
    compute(0.2)
    ending = threading.Timer(0.02, receipts.__exit__)
    receipts.__enter__()
    ending.start()
    assert rested(receipts) < 0.09
    compute(0.2)
    with receipts:
        assert 0.09 < rested(receipts) < 1


def test_one_who_has_just_come_does_not_rest_for_what_others_did() -> None:
    receipts = Receipts()
    with receipts:
        assert rested(receipts) < 0.05
