"""What is read of a line at import agrees with what is read of the whole entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.delivery.entry_making import entry
from topmail_flask.delivery.entry import Entry, EntryHeader, header_of, summed, with_contact_id

TRICKY = b'{"email":"a@b.example","product_name":",\\"contact_id\\":\\"x\\",\\"body\\":{"}'
ENTRIES = [
    entry(1),
    entry(2, repeat="abc", at=1.7e9 + 0.123456),
    entry(3, first_name='A",\\"body":', last_name="é"),
    entry(4, contact_id=""),
    entry(5, contact_id="c-1", first_name="Ada"),
    entry(6, contact_id="", renewed=True),
    entry(7, body=TRICKY),
    entry(8, at=1e-7),
    Entry("withdrawal", "w", 1.0, "ada"),
    Entry("purchase", "p", 2.0, "ada", body=b'{"contact_id":"c","body":1}'),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.key))
def test_a_heading_is_the_beginning_of_its_entry(entry: Entry) -> None:
    expected = EntryHeader(
        entry.kind, entry.key, entry.at, entry.identity, entry.repeat, entry.contact_id is None
    )
    assert header_of(entry.to_line()) == expected


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if entry.contact_id is None],
    ids=lambda entry: str(entry.key),
)
def test_a_line_gets_its_contact_id_as_its_entry_would(entry: Entry) -> None:
    told = Entry.from_line(with_contact_id(entry.to_line(), "contact-1"))
    assert told == replace(entry, contact_id="contact-1")
    assert told.to_line() == with_contact_id(entry.to_line(), "contact-1")


@pytest.mark.parametrize("cut", [2, 5, 20, 60, 150])
def test_a_torn_line_has_no_heading(cut: int) -> None:
    line = entry(1).to_line()
    for torn in (line[:-cut], line[cut:], line[:cut] + b"?" + line[cut + 1 :]):
        with pytest.raises(ValueError, match="torn or damaged"):
            header_of(torn)


def test_a_line_that_another_version_wrote_is_read_as_an_entry() -> None:
    other = summed(b'{"key":"k","kind":"view","at":5,"identity":"i","body":{}}'[:-1])
    assert header_of(other) == EntryHeader("view", "k", 5.0, "i", "", True)
    for at in ("1e300", "-1", "nan", "1e"):
        wrong = summed(
            b'{"kind":"view","key":"k","at":%b,"identity":"","repeat":"","body":{}' % at.encode()
        )
        with pytest.raises(ValueError, match=r"."):
            header_of(wrong)
