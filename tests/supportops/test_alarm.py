"""An alarm rings once for each time that was set, in order, and not before it."""

import threading
import time

from supportops.alarm import Alarm


def test_it_rings_not_before_its_time_and_once_for_times_close_together() -> None:
    rang: list[float] = []
    done = threading.Event()

    def ring() -> None:
        rang.append(time.monotonic())
        if len(rang) == 2:
            done.set()

    began = time.monotonic()
    alarm = Alarm(ring)
    alarm.set(0.3)
    alarm.set(0.05)
    alarm.set(0.06)
    assert done.wait(5)
    assert rang[0] - began >= 0.03
    assert rang[1] - began >= 0.28
    assert len(rang) == 2


def test_a_time_that_is_over_rings_at_once() -> None:
    done = threading.Event()
    Alarm(done.set).set(-3)
    assert done.wait(5)
