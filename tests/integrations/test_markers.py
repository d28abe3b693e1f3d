from datetime import timedelta

from integrations import markers
from supportops.clock import now
from supportops.ids import new_id


def test_a_tag_is_short_and_leads_back_to_its_key() -> None:
    key = str(new_id())
    tag = markers.tag(key)
    assert len(tag) == 29
    assert tag == tag.lower()
    assert markers.key_of(tag) == key


def test_other_tags_have_no_key() -> None:
    assert markers.key_of("so-urgent") is None
    assert markers.key_of("billing") is None


def test_keys_that_are_no_uuid_have_a_stable_tag() -> None:
    assert markers.tag("by hand") == markers.tag("by hand") != markers.tag("by foot")
    assert len(markers.tag("by hand")) == 29


def test_a_hidden_mark_is_found_in_html() -> None:
    key = str(new_id())
    assert markers.hidden_key(f"<p>Hello</p>{markers.hidden(key)}") == key
    assert markers.hidden_key("<p>Hello</p><!-- nothing -->") is None


def test_a_key_says_when_it_was_made() -> None:
    born = markers.born_at(str(new_id()))
    assert born is not None
    assert abs(born + markers.CLOCK_SKEW - now()) < timedelta(seconds=10)
    assert markers.born_at("by hand") is None
    assert markers.born_at("6e2f1b1e-6a0f-4d0e-9c57-3a9b9d9b7c11") is None
