"""A few product pages of a store, found by the links of its home page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from flask import Flask
from selectolax.lexbor import LexborHTMLParser

from topmail_flask.cli.routes import routes
from topmail_flask.model.decision import Decision

PAGES_OF_A_ROUTE, MOST_PAGES = 2, 6


@dataclass(frozen=True, slots=True)
class Sample:
    """A page that was looked at as a product page.

    :ivar address: its path, or its URL as the shop named it.
    :ivar is_meant: whether the shop, or the mark or template of its route, says that it shows a
        product; else it only might.
    """

    address: str
    is_meant: bool
    decision: Decision


def product_pages(
    app: Flask, home: str, base_url: str, decide: Callable[[str], Decision]
) -> list[Sample]:
    """Pages that the home page links to and whose routes may show products, a few of each route.

    :param home: the home page's HTML.
    :param base_url: the store's address.
    :param decide: what the extension decides about the page at a path.
    """
    found = list(_candidates(app, home, base_url))
    if any(is_meant for _, _, is_meant in found):
        found = [one for one in found if one[2]]
    of_route: Counter[str] = Counter()
    chosen = []
    for path, endpoint, is_meant in found:
        of_route[endpoint] += 1
        if of_route[endpoint] <= PAGES_OF_A_ROUTE:
            chosen.append((path, is_meant))
    return [Sample(path, is_meant, decide(path)) for path, is_meant in chosen[:MOST_PAGES]]


def _candidates(app: Flask, home: str, base_url: str) -> Iterator[tuple[str, str, bool]]:
    """Path, endpoint, and whether the route says that it shows a product."""
    told = {endpoint: what for _, endpoint, what in routes(app)}
    for path in _paths(home, base_url):
        with app.test_request_context(path, base_url=base_url) as context:
            endpoint, arguments = context.request.endpoint, context.request.view_args
        what = told.get(endpoint or "", "never")
        is_meant = what.startswith(("marked", "by template:"))
        if endpoint and not what.startswith("never") and (is_meant or arguments):
            yield path, endpoint, is_meant


def _paths(home: str, base_url: str) -> list[str]:
    """The paths, with their queries, that a page links to on its own site; each once."""
    site = urlsplit(base_url)
    root = site.path.rstrip("/")
    paths = []
    for link in LexborHTMLParser(home).css("a[href]"):
        try:
            parts = urlsplit(urljoin(base_url, link.attributes.get("href") or ""))
        except ValueError:
            continue
        if parts.netloc == site.netloc and parts.path.startswith(f"{root}/"):
            query = f"?{parts.query}" if parts.query else ""
            paths.append(parts.path.removeprefix(root) + query)
    return list(dict.fromkeys(paths))
