"""A product that the shop named, or that its template holds, as its page shows it.

What was named *is* the product: the page's structured data fills its gaps. A template variable just
happens to be called ``product``: there the page has the last word, whether it shows the product to
a shopper, at which price and with which picture.
"""

from __future__ import annotations

import html as html_entities
import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit

from topmail_flask.extraction.addresses import (
    PageLocation,
    address_key,
    id_of,
    is_front_page,
    joined,
    page_address,
)
from topmail_flask.extraction.assemble import Assembly, assemble, assemble_plain
from topmail_flask.extraction.choose import Words, is_listing
from topmail_flask.extraction.document import Document, places
from topmail_flask.extraction.page import StructuredPage
from topmail_flask.extraction.page_purpose import is_edit_form
from topmail_flask.extraction.products import Entity
from topmail_flask.extraction.shown_price import ShownPrice, proof_of, shown_money, shown_price
from topmail_flask.extraction.statements import metas_of
from topmail_flask.model.decision import (
    Conflict,
    Extraction,
    GuessedProduct,
    Noted,
    Rejected,
    Trace,
    noted,
)
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.text import web_address

# Price and currency are one gap: an amount is never joined with another source's currency (R40).
_WORD = re.compile(r"\w{2,}")
_GAPS = ("image_url", "brand", "category", "sku", "variant_id")
_PRICE = ("price", "currency")
T = TypeVar("T")


class Memory(dict[Hashable, T]):
    """What was worked out before; when it is full it begins anew.

    :param limit: entries at the most.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def keep(self, key: Hashable, value: T) -> None:
        if len(self) >= self._limit:
            self.clear()
        self[key] = value


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
        for proof in self.proofs:  # noqa: SIM110  this takes half of the time
            if proof not in page:
                return False
        return True


NOTHING_ASKED = PageSays(is_proved=True)
_ABOUT_ANOTHER = Rejected(
    "product",
    "the page's heading and title name something else",
    "Mark the view with @product_page if it is the product's own page.",
)


def ask_page(document: Document, guess: GuessedProduct, stated: Product | None) -> PageSays:
    """Ask a page about the product of its template.

    :param stated: the product with the price of the page's structured data; None: that has none.
    """
    page = document.html
    if is_edit_form(page, guess) or guess.is_refused:
        return PageSays(refusal=guess.doubt or Reason.BACK_OFFICE)
    if is_about_another(document, guess):
        return PageSays(refusal=guess.doubt or Reason.NO_PRODUCT)
    price, price_proof = None, b""
    if stated is not None and not guess.is_certain:
        price, price_proof = _shown_instead(page, guess, stated)
    elif not guess.is_certain:
        price = shown_price(page, guess)
        price_proof = price.proof
    source, proof = shown_picture(page, guess.pictures)
    picture = joined(document.head.base or document.url, source) if source else ""
    proofs = tuple(filter(None, (price_proof, proof)))
    is_proved = bool((price is None or _is_proved(price, guess)) and (proof or not guess.pictures))
    return PageSays(None, price, picture, proofs, is_proved)


def _shown_instead(
    page: bytes, guess: GuessedProduct, stated: Product
) -> tuple[ShownPrice | None, bytes]:
    """The object's price where the page shows only that one, and bytes that say which it shows.

    Structured data may hold the list price, cents, or what a cache kept.
    """
    if any((at.amount, at.currency) == (stated.price, stated.currency) for at in guess.prices):
        return None, b""
    proof = proof_of(page, stated)
    shown = shown_price(page, guess) if not proof else ShownPrice()
    return (None, proof) if shown.price is None else (shown, shown.proof)


def _is_proved(shown: ShownPrice, guess: GuessedProduct) -> bool:
    """Whether the price holds as long as its proof is there: a lower one may be shown any time."""
    price = shown.price
    return price is not None and all(price.amount <= other.amount for other in guess.prices)


def is_doubtful(guess: GuessedProduct, document: Document) -> bool:
    """Whether the page has to say itself that it is about the product: its address does not.

    An article may have the product's number.
    """
    if guess.doubt is not None or guess.needs_title or not guess.is_addressed:
        return True
    return is_listing(document.url)


def is_about_another(document: Document, guess: GuessedProduct) -> bool:
    """Whether a page that its address does not tie to the product is about something else.

    A template gets a ``product`` for a teaser, too: an article, a brand, a page of thanks.
    """
    if guess.is_described:
        return False
    is_sure, name = not is_doubtful(guess, document), guess.product.name
    if is_sure and not _has_nothing_of(document.html, guess):
        return False
    words = Words(document, metas_of(document), set(), urlsplit(document.url).hostname or "")
    if is_sure:
        return words.have_own_subject(name)
    if guess.needs_title:
        return not (words.hold(name) or words.equal(name))
    if is_front_page(document.url) and not guess.is_addressed:
        return not (words.hold(name) or words.equal(name) or not words.tell_anything())
    address = None if guess.is_addressed is None else unquote(document.url).split("/")[3:]
    if guess.is_addressed is False and is_listing(document.url):
        address = []
    return words.tell_of_another(name, address)


def _has_nothing_of(page: bytes, guess: GuessedProduct) -> bool:
    """Whether a page has no word of a product's name, no money and none of its pictures.

    At the product's own address this is what asks for the visitor's age or password first.
    """
    name = guess.product.name
    if name.encode() in page:
        return False
    text = html_entities.unescape(page.decode("utf-8", "replace")).casefold()
    if any(word in text for word in _WORD.findall(name.casefold())):
        return False
    currency = guess.prices[0].currency if guess.prices else None
    return not shown_money(page, currency) and not shown_picture(page, guess.pictures)[0]


def as_shown(extraction: Extraction, seen: PageSays, guess: GuessedProduct) -> Extraction:
    """The extraction, corrected by what the page says."""
    product, trace = extraction.product, extraction.trace
    if product is None:
        return extraction
    if seen.refusal is Reason.NO_PRODUCT:
        trace = replace(trace, rejected=(*trace.rejected, _ABOUT_ANOTHER), fields=())
    if seen.refusal is not None:
        return Extraction(None, seen.refusal, trace)
    fields, rejected = [*trace.noted], [*trace.rejected, *guess.rejected]
    if seen.price is not None:
        product = _priced(product, seen.price, fields, rejected)
    if seen.picture:
        product = _pictured(product, seen.picture, fields, rejected)
    if product is extraction.product and rejected == [*trace.rejected]:
        return extraction
    conflicts = trace.conflicts
    if any(field[1] == "template and page" for field in fields):
        conflicts = tuple(_turned(conflict, product) for conflict in conflicts)
    trace = replace(
        trace, noted=tuple(fields), conflicts=conflicts, rejected=tuple(rejected), fields=()
    )
    return Extraction(product, None, trace)


def _turned(conflict: Conflict, product: Product) -> Conflict:
    """A conflict of prices in which the other one was believed in the end."""
    if conflict.field != "price":
        return conflict
    shown = f"{product.price} {product.currency}"
    return Conflict("price", "template and page", shown, conflict.source, conflict.value)


def _priced(
    product: Product, shown: ShownPrice, fields: list[Noted], rejected: list[Rejected]
) -> Product:
    price = shown.price
    if price is None:
        if shown.rejected is None or product.price is None:
            return product
        rejected.append(shown.rejected)
        fields[:] = [field for field in fields if field[0] not in _PRICE]
        return replace(product, price=None, currency=None)
    if (price.amount, price.currency) == (product.price, product.currency):
        return product
    fields[:] = [field for field in fields if field[0] not in _PRICE]
    fields.append(("price", "template and page", price.name, price.amount))
    fields.append(("currency", "template", price.currency, price.currency))
    return replace(product, price=price.amount, currency=price.currency)


def _pictured(
    product: Product, address: str, fields: list[Noted], rejected: list[Rejected]
) -> Product:
    try:
        url = web_address(address, "image_url")
    except InvalidValueError:
        return product
    rejected[:] = [rejection for rejection in rejected if rejection.what != "image_url"]
    if url == product.image_url:
        return product
    fields[:] = [field for field in fields if field[0] != "image_url"]
    fields.append(("image_url", "page", address, url))
    return replace(product, image_url=url)


def complete(
    product: Product,
    declared: Product | None,
    guess: GuessedProduct | None,
    structured: Extraction,
    url: str,
    settings: Settings,
) -> Extraction:
    """The product that was declared, or else guessed, with its gaps filled.

    :param guess: of a declared product it fills gaps before the page does.
    :param structured: what the page tells of this product, or why it tells nothing.
    :param url: of the request.
    """
    fields = noted(product, "template" if declared is None else "declared")
    conflicts, problems = structured.trace.conflicts, structured.trace.rejected
    if declared is not None and guess is not None and guess.product.id == product.id:
        product = _filled(product, guess.product, fields, noted(guess.product, "template"))
    found = structured.product
    if found is not None:
        # The page has the last word; a zero beside an amount is none (R38).
        if declared is None and (found.price or (found.price is not None and not product.price)):
            of_page = [field for field in structured.trace.noted if field[0] in _PRICE]
            before, now = (f"{priced.price} {priced.currency}" for priced in (product, found))
            is_other = (found.price, found.currency) != (product.price, product.currency)
            if product.price is not None and is_other:
                conflicts += (Conflict("price", of_page[0][1], now, "template", before),)
            if now != before:
                product = replace(product, price=found.price, currency=found.currency)
            fields = [field for field in fields if field[0] not in _PRICE] + of_page
        product = _filled(product, found, fields, structured.trace.noted)
    if product.url is None:
        known = {name for name in (product.id, product.variant_id, product.sku) if name}
        try:
            product = replace(product, url=page_address(url, settings, known))
            fields.append(("url", "request", url, product.url))
        except InvalidValueError as error:
            problems += (Rejected("url", error.problem),)
    trace = Trace(
        noted=tuple(fields),
        conflicts=conflicts,
        rejected=problems,
        related=structured.trace.related,
        repairs=structured.trace.repairs,
    )
    return Extraction(product, None, trace)


def _filled(
    product: Product, other: Product, fields: list[Noted], found: Iterable[Noted]
) -> Product:
    """The product with what it lacks from another description of it, and that one's trace."""
    gaps = {
        name: value
        for name in _GAPS
        if getattr(product, name) is None and (value := getattr(other, name)) is not None
    }
    if product.price is None and other.price is not None:
        gaps |= {"price": other.price, "currency": other.currency}
    if gaps.get("variant_id") == product.id:
        del gaps["variant_id"]
    if not gaps:
        return product
    by_name = {field[0]: field for field in found}
    fields += [by_name[name] for name in gaps]
    return replace(product, **gaps)


def of_same_product(product: Product, page: StructuredPage, chosen: frozenset[str]) -> Extraction:
    """What the page tells of this product, if exactly one of its entities is this product.

    :param chosen: values of arguments that choose a variant.
    """
    assembly = _same_product(product, page, chosen)
    if assembly is None:
        why = [("structured data", "describes another product (R22)")] if page.entities else []
        return Extraction(None, None, Assembly(page).trace(why))
    values: dict[str, object] = {**assembly.values, "id": product.id, "name": product.name}
    unusable: dict[str, str] = {}
    found = Product.from_fields(values, unusable)
    return Extraction(found, None, assembly.trace(unusable.items()))


def _same_product(
    product: Product, page: StructuredPage, chosen: frozenset[str]
) -> Assembly | None:
    plain = page.plain_entity()
    if plain is not None and is_same(product, plain, page.place):
        return assemble_plain(page, plain, chosen)
    page.read_the_rest()
    same = [entity for entity in page.entities if is_same(product, entity, page.place)]
    if len(same) != 1:
        return None
    page.add_metas(same[0])
    return assemble(page, same[0], chosen)


def is_same(product: Product, entity: Entity, place: PageLocation) -> bool:
    """By an id, else by its name, else by an address that was declared with it (rule R22)."""
    ids = entity.ids
    skus = [ids.get("sku"), *(variant.ids.get("sku") for variant in entity.variants)]
    known = {value.casefold() for value in (*ids.values(), entity.group, *skus) if value}
    if product.id.casefold() in known:
        return True
    if product.sku is not None:
        if product.sku.casefold() in known:
            return True
        if ids.get("sku"):
            return False
    if entity.name.casefold() == product.name.casefold():
        return True
    if not ids and entity.match and id_of(place.url, place.url_args) == product.id:
        return True
    return product.url is not None and any(
        member.url is not None and address_key(member.url) == address_key(product.url)
        for member in entity.members
    )


_MOST_PLACES = 60
_BEFORE, _AFTER = 600, 60
# The value of an attribute that leads to a picture, up to where the name begins.
_SOURCE = re.compile(
    rb"(?i)\b(?:src|srcset|data-src|data-srcset|data-original|data-lazy|data-image|data-zoom-image|href"
    rb"|content|poster)\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s\"'<>]*))\Z"
)
_STYLE = re.compile(rb"(?i)url\(\s*[\"']?([^\"'()\s]*)\Z")
_REST = re.compile(rb"(?i)(\.(?:jpe?g|png|webp|gif|avif|svg))?(\?[^\s\"'<>,)]*)?(?=[\s\"'<>,)])")
_PICTURE_TAG = re.compile(rb"(?i)<(?:img|source|meta|link|picture|video|a|div|section|figure)\b")
_EXTENSION = re.compile(r"\.\w{2,5}\Z")
_SHORTEST_STEM = 3


def shown_picture(page: bytes, names: tuple[str, ...]) -> tuple[str, bytes]:
    """The first address of the page that ends in one of the names, and the bytes that hold it.

    :param names: file names or paths, ``lamp.jpg`` or ``uploads/lamp.jpg``, the best first; one
        without an ending may have any.
    :returns: the address as it stands there, character references resolved; empty: none.
    """
    for name in names:
        has_ending = _EXTENSION.search(name) is not None
        if not has_ending and len(name) < _SHORTEST_STEM:
            continue
        for text in _spellings(name.removeprefix("./").lstrip("/")):
            written = text.encode("utf-8", "replace")
            for at in places(page, written, _MOST_PLACES if written else 0):
                found = _address(page, at, len(written), has_ending=has_ending)
                if found[0]:
                    return found
    return "", b""


def _spellings(name: str) -> Iterator[str]:
    """The ways to write a name in an address, as it is first."""
    yield name
    spelled = (quote(name), html_entities.escape(name), quote(name, safe="/()!'*"))
    yield from (text for text in dict.fromkeys(spelled) if text != name)


def _address(page: bytes, at: int, length: int, *, has_ending: bool) -> tuple[str, bytes]:
    before = page[max(0, at - _BEFORE) : at]
    if before[-1:] not in (b"/", b'"', b"'", b"=", b" ", b",", b"("):
        return "", b""
    rest = _REST.match(page, at + length, at + length + 400)
    if rest is None or (rest[1] is None) != has_ending:
        return "", b""
    opening = before.rfind(b"<")
    if opening < 0 or opening < before.rfind(b">") or not _PICTURE_TAG.match(before, opening):
        return "", b""
    value = _SOURCE.search(before, opening) or _STYLE.search(before, opening)
    if value is None:
        return "", b""
    prefix = next(part for part in value.groups() if part is not None)
    prefix = re.split(rb"[\s,]+", prefix)[-1]
    raw = prefix + page[at : rest.end()]
    address = html_entities.unescape(raw.decode("utf-8", "replace"))
    if address.startswith("data:"):
        return "", b""
    return address, page[at - len(prefix) : rest.end() + 1]
