"""Ids sort by time and cannot be guessed."""

import threading
import time

from supportops.ids import new_id, new_key


def test_each_is_greater_than_the_one_before() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert [str(item) for item in made] == sorted(str(item) for item in made)


def test_they_are_version_seven_and_hold_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before - 1 <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1000


def test_threads_do_not_collide() -> None:
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id() for _ in range(2000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000


def test_half_of_it_is_random() -> None:
    tails = {new_id().int & (1 << 62) - 1 for _ in range(1000)}
    assert len(tails) == 1000
    assert all(any(tail >> bit & 1 for tail in tails) for bit in range(62))


def test_keys_have_their_length_and_suit_addresses() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    for length in (8, 32, 40, 43):
        key = new_key(length)
        assert len(key) == length and key.replace("-", "").replace("_", "").isalnum()
