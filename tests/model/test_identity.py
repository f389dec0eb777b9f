import subprocess
import sys

import pytest

from topmail_flask.model.identity import VISIT_SECONDS, digest, visit_id

SECRET = b"a secret of the shop"
FIREFOX, PHONE = "Mozilla/5.0 Firefox/126.0", "Mozilla/5.0 (iPhone)"
NOON = 1_716_206_400.0


def test_a_digest_is_the_same_in_every_process() -> None:
    program = (
        "from topmail_flask.model.identity import digest;"
        f"print(digest({SECRET!r}, 'ann@example.com', '1'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert told.stdout.strip() == digest(SECRET, "ann@example.com", "1")


def test_a_digest_depends_on_the_secret_and_on_where_its_parts_end() -> None:
    texts = [
        digest(SECRET, "ab", "c"),
        digest(SECRET, "a", "bc"),
        digest(SECRET, "abc"),
        digest(b"another", "ab", "c"),
        digest(SECRET + b"x" * 100, "ab", "c"),
    ]
    assert len(set(texts)) == len(texts)
    assert all(len(text) == 32 for text in texts)


def test_a_digest_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="secret"):
        digest(b"", "ann@example.com")


def test_odd_text_has_a_digest_too() -> None:
    assert digest(SECRET, "\ud800", "\x00", "ä") != digest(SECRET, "\ud801", "\x00", "ä")


def test_one_browser_s_views_of_one_visit_share_an_id() -> None:
    ids = {visit_id(SECRET, "ann@example.com", FIREFOX, NOON + n * 60) for n in range(10)}
    assert len(ids) <= 2
    shoppers = [f"shopper{n}@example.com" for n in range(500)]
    split = sum(
        visit_id(SECRET, who, FIREFOX, NOON) != visit_id(SECRET, who, FIREFOX, NOON + 600)
        for who in shoppers
    )
    assert 0 < split < 50, "about one visit in 24 falls on a line"


def test_another_day_browser_or_shopper_is_another_visit() -> None:
    ids = [
        visit_id(SECRET, "ann@example.com", FIREFOX, NOON),
        visit_id(SECRET, "ann@example.com", FIREFOX, NOON + VISIT_SECONDS),
        visit_id(SECRET, "ann@example.com", PHONE, NOON),
        visit_id(SECRET, "ben@example.com", FIREFOX, NOON),
        visit_id(b"another shop", "ann@example.com", FIREFOX, NOON),
    ]
    assert len(set(ids)) == len(ids)
    assert all(0 < len(digest) <= 100 for digest in ids)
