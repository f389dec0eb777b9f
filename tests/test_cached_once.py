"""Two first requests at once get one delivery, whatever the version of Python."""

from __future__ import annotations

import threading

from topmail_flask.core import cached_once


def test_what_two_threads_make_at_once_is_one_and_the_same() -> None:
    both_make = threading.Barrier(2, timeout=10)

    class Shop:
        @cached_once
        def delivery(self) -> object:
            """The way to TopMail."""
            both_make.wait()
            return object()

    shop, got = Shop(), []
    threads = [threading.Thread(target=lambda: got.append(shop.delivery)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(got) == 2
    assert got[0] is got[1] is shop.delivery
