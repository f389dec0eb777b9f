"""What a page makes of the product that its template was given: the price, the picture, or a no.

The shop named none of it: a template variable happens to be called ``product``. So the page has the
last word: whether it shows the product to a shopper, and at which price.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urljoin

from topmail_flask.extraction.document import Document
from topmail_flask.extraction.page_purpose import is_edit_form
from topmail_flask.extraction.shown_picture import shown_picture
from topmail_flask.extraction.shown_price import ShownPrice, shown_price
from topmail_flask.model.decision import Extraction, FieldTrace, GuessedProduct, Rejected
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.text import web_address

_REMEMBERED = 2048


class _Verdict(NamedTuple):
    """What was made of a product on a page.

    :ivar proofs: bytes of the page that it rests on; a page without them is judged anew.
    :ivar page: hash of the page, where nothing of it can be searched for instead.
    """

    extraction: Extraction
    proofs: tuple[bytes, ...]
    page: int | None


class Verdicts:
    """What was made of products and their pages; when it is full it begins anew."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Verdict] = {}

    def get(self, key: Hashable, page: bytes) -> Extraction | None:
        """The same as before, if the page still says so."""
        known = self._known.get(key)
        if known is None:
            return None
        if known.page is not None and known.page != hash(page):
            return None
        for proof in known.proofs:
            if proof not in page:
                return None
        return known.extraction

    def keep(self, key: Hashable, extraction: Extraction, page: bytes, seen: PageSays) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        self._known[key] = _Verdict(extraction, seen.proofs, None if seen.is_proved else hash(page))


class PageSays(NamedTuple):
    """What a page says about a guessed product.

    :ivar refusal: why the page is no view of it, or None.
    :ivar price: what it says about the price; None: it was not asked.
    :ivar picture: the address of its picture; empty: it shows none.
    :ivar proofs: bytes of the page that say so.
    :ivar is_proved: whether the proofs are all that it rests on.
    """

    refusal: Reason | None = None
    price: ShownPrice | None = None
    picture: str = ""
    proofs: tuple[bytes, ...] = ()
    is_proved: bool = False

    def still_in(self, page: bytes) -> bool:
        """Whether the page says it still."""
        return all(proof in page for proof in self.proofs)


NOTHING_ASKED = PageSays(is_proved=True)


class Said:
    """What pages said of products; when it is full it begins anew."""

    def __init__(self) -> None:
        self._known: dict[Hashable, PageSays] = {}

    def get(self, key: Hashable) -> PageSays | None:
        return self._known.get(key)

    def keep(self, key: Hashable, says: PageSays) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        self._known[key] = says


def ask_page(document: Document, guess: GuessedProduct, *, has_price: bool) -> PageSays:
    """Ask a page about the product of its template.

    :param has_price: the page's structured data has told the price already.
    """
    page = document.html
    edits = is_edit_form(page, guess)
    if edits or guess.is_refused:
        return PageSays(refusal=guess.doubt or Reason.BACK_OFFICE)
    price = None if has_price or guess.is_certain else shown_price(page, guess)
    source, proof = shown_picture(page, guess.pictures) if guess.pictures else ("", b"")
    picture = urljoin(document.head.base or document.url, source) if source else ""
    proofs = tuple(filter(None, (price.proof if price else b"", proof)))
    is_proved = bool((price is None or price.proof) and (proof or not guess.pictures))
    return PageSays(None, price, picture, proofs, is_proved)


def as_shown(extraction: Extraction, seen: PageSays, guess: GuessedProduct) -> Extraction:
    """The extraction, corrected by what the page says."""
    product, trace = extraction.product, extraction.trace
    if product is None:
        return extraction
    if seen.refusal is not None:
        return Extraction(None, seen.refusal, trace)
    fields, rejected = list(trace.fields), [*trace.rejected, *guess.rejected]
    if seen.price is not None:
        product = _priced(product, seen.price, fields, rejected)
    if seen.picture:
        product = _pictured(product, seen.picture, fields, rejected)
    trace = replace(trace, fields=tuple(fields), rejected=tuple(rejected))
    return Extraction(product, None, trace)


def _priced(
    product: Product, shown: ShownPrice, fields: list[FieldTrace], rejected: list[Rejected]
) -> Product:
    price = shown.price
    if price is None:
        if shown.rejected is None or product.price is None:
            return product
        rejected.append(shown.rejected)
        fields[:] = [field for field in fields if field.field not in ("price", "currency")]
        return replace(product, price=None, currency=None)
    if (price.amount, price.currency) != (product.price, product.currency):
        fields[:] = [field for field in fields if field.field not in ("price", "currency")]
        fields.append(FieldTrace("price", "template and page", price.name, str(price.amount)))
        fields.append(FieldTrace("currency", "template", price.currency, price.currency))
        return replace(product, price=price.amount, currency=price.currency)
    return product


def _pictured(
    product: Product, address: str, fields: list[FieldTrace], rejected: list[Rejected]
) -> Product:
    try:
        url = web_address(address, "image_url")
    except InvalidValueError:
        return product
    rejected[:] = [rejection for rejection in rejected if rejection.what != "image_url"]
    if url == product.image_url:
        return product
    fields[:] = [field for field in fields if field.field != "image_url"]
    fields.append(FieldTrace("image_url", "page", address[:200], url))
    return replace(product, image_url=url)
