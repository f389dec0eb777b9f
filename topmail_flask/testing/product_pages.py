"""A shop's own CI: would its product pages be tracked as they should?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask.testing import FlaskClient

from topmail_flask.core import core_of
from topmail_flask.extraction.encodings import in_utf8, readable
from topmail_flask.extraction.shown_price import price_fault
from topmail_flask.model.decision import NOTHING, Decision
from topmail_flask.model.product import PRODUCT_FIELDS
from topmail_flask.model.reasons import Reason
from topmail_flask.page import HTML, media_type
from topmail_flask.testing.browsing import browse_as
from topmail_flask.testing.capturing import capture
from topmail_flask.testing.story import explained

_SHOPPER = "shopper@example.com"
_NO_ID = (
    "the product has no id but the page's address: name it (sku, productID), "
    "or set TOPMAIL_ID_FROM if that is meant"
)


def check_product_pages(
    client: FlaskClient,
    urls: Iterable[str],
    *,
    require: Iterable[str] = ("id", "price", "currency", "image_url"),
) -> None:
    """Fail unless each page is the view of a product with all that TopMail should know of it.

    .. code-block:: python

        def test_product_pages(client):
            check_product_pages(client, ["/products/tea", "/products/cup?size=l"])

    The pages are asked for by a known shopper who agreed to be tracked, with the cookies of
    ``client``. A page fails that is no view, or whose product lacks a required field: also when
    the page tells something that cannot be used, such as a picture without an absolute URL, and
    when the id had to be made of the page's address although the shop did not ask for
    that by ``TOPMAIL_ID_FROM``; and a price that is not among those that the page shows.

    :param client: the test client of a Flask app with the extension.
    :param urls: paths or URLs of product pages.
    :param require: fields of :class:`~topmail_flask.Product` that each product must have.
    :raises AssertionError: lists every page that fails, and all that is wrong with it.
    :raises ValueError: no page is given, or a product has no such field.
    """
    __tracebackhide__ = True
    fields, pages = tuple(require), tuple(urls)
    unknown = [field for field in fields if field not in PRODUCT_FIELDS]
    if unknown:
        raise ValueError(f"a product has no field {unknown[0]!r}: {', '.join(PRODUCT_FIELDS)}")
    if not pages:
        raise ValueError("name at least one product page")
    faults = {page: list(_faults(client, page, fields)) for page in pages}
    failed = {page: found for page, found in faults.items() if found}
    if failed:
        lines = [f"  {page}: {fault}" for page, found in failed.items() for fault in found]
        head = f"{len(failed)} of {len(faults)} product pages would not be tracked as they should:"
        raise AssertionError("\n".join([head, *lines]))


def _faults(client: FlaskClient, page: str, require: tuple[str, ...]) -> Iterator[str]:
    try:
        status, html, decision = _decision(client, page)
    except Exception as error:  # noqa: BLE001  the other pages are to be checked as well
        yield f"raised {type(error).__name__}: {error}"
        return
    if decision.reason is Reason.STATUS:
        yield f"no view: the answer is {status}"
    elif decision.reason not in (None, Reason.SAMPLED_OUT):
        yield f"no view: {explained(decision.reason)}"
    trace = decision.extraction.trace if decision.extraction else NOTHING
    made_of_address = any(traced[:2] == ("id", "request") for traced in trace.fields)
    if made_of_address and "id" in require and not core_of(client.application).settings.id_from:
        yield _NO_ID
    products = [view.product for view in decision.views]
    if decision.product is not None and not products:
        products = [decision.product]
    for product in products:
        for field in require:
            if getattr(product, field) is None:
                why = [f": {why}" for what, why, _ in trace.rejected if what == field]
                yield f"the product has no {field}{''.join(why)}"
        fault = price_fault(html, product) if html else None
        if fault is not None:
            yield f"the price {fault.why}. {fault.fix}"


def _decision(client: FlaskClient, page: str) -> tuple[str, bytes | None, Decision]:
    decisions: list[Decision] = []
    watchers = core_of(client.application).watchers
    watchers.append(decisions.append)
    try:
        with capture(client.application):
            response = browse_as(client, _SHOPPER, consent=True).get(page)
    finally:
        watchers.remove(decisions.append)
    html, _ = readable(response.data, response.headers.get("Content-Encoding"), len(response.data))
    is_page = media_type(response.headers.get("Content-Type"))[0] in HTML
    return response.status, in_utf8(html) if html and is_page else None, decisions[-1]
