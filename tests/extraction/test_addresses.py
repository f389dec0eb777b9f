"""What is plain about an address is read at once, and as the careful way reads it."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as some

from topmail_flask.extraction.addresses import PageLocation, address_key, joined, page_address
from topmail_flask.model.settings import Settings

HOSTS = some.sampled_from(
    ["shop.example", "www.shop.example", "WWW.Shop.example", "shop.example:8000", "10.0.0.1:80"]
)
PATHS = some.text("aB1/._~-", max_size=12)
URLS = some.builds("{}://{}/{}".format, some.sampled_from(["http", "https"]), HOSTS, PATHS)


@given(URLS)
def test_a_plain_address_is_compared_like_any_other(url: str) -> None:
    careful = address_key(f"{url}?x=1")
    assert careful is not None
    assert address_key(url) == careful._replace(query=())


@pytest.mark.parametrize("site", [None, "https://shop.example", "https://shop.example/teas/"])
@given(url=URLS)
def test_a_plain_address_is_sent_like_any_other(site: str | None, url: str) -> None:
    settings = Settings(site_url=site)
    assert page_address(url, settings) == page_address(f"{url}#top", settings)


@given(
    some.sampled_from(["https://shop.example/p/1", "https://shop.example?a=/b", "/p", "//a/b/c"]),
    some.builds("{}{}".format, some.sampled_from(["/", "//", "", "?", "/a/"]), PATHS),
)
def test_a_mere_path_is_joined_like_any_other_address(base: str, address: str) -> None:
    assert joined(base, address) == urljoin(base, address)


@given(URLS)
def test_a_page_that_names_itself_is_at_home(url: str) -> None:
    plain, careful = PageLocation(url, url), PageLocation(url, f"{url}#top")
    assert plain.canonical == (careful.canonical and careful.canonical.partition("#")[0])
    assert plain.keys == careful.keys
