"""Whether a page with a product in its template shows it to a shopper, by its route and its forms.

A store's own staff edit products, and shoppers put them into carts, on pages whose templates get a
``product`` as well. Only the route's fixed parts are asked, never the values in an address: a
product may be called anything.
"""

from __future__ import annotations

import functools
import html as html_entities
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from topmail_flask.extraction.currencies import machine_amount
from topmail_flask.extraction.document import attributes
from topmail_flask.model.decision import GuessedProduct
from topmail_flask.model.reasons import Reason

# On a page of one of these a product is worked on, not shown.
_STAFF = frozenset(
    """admin admins administration administrator backend backoffice back-office
    dashboard dashboards manage manager management staff edit edits editor update
    updates delete deletes destroy create creates review reviews invoice invoices cms
    intranet superuser modify rate verwaltung bearbeiten loeschen löschen bewerken editar eliminar
    actualizar modifier supprimer modifica elimina excluir atualizar gerenciar duzenle ubah hapus
    gestion painel restock
    """.split()
)
# The same behind the argument that names the product: ``/products/<id>/publish``.
_DONE_TO_IT = frozenset(
    """publish unpublish archive duplicate clone upload remove restock rate report ask label labels
    sales stats statistics analytics""".split()
)
# Behind that argument these show the product itself; what else lies there is done with it.
_SHOWS_IT = frozenset(
    """amp details detail view show info information overview page full index product item html
    spec specs specification specifications description features gallery zoom 3d 360 modal popup
    ingredients nutrition materials care sizing tickets
    quick-view quick_view quickview detalle detalles detalhes dettagli ver voir ansehen anzeigen
    bekijken szczegoly en de fr es it nl pt pl sv da no fi cs ro hu el ru uk tr ar he ja ko
    zh""".split()
)
# Nothing is shown under these alone, before the number of a product: ``/cart/7``.
_NEVER_SHOWN = frozenset(
    """cart basket checkout wishlist wishlists compare add-to-cart warenkorb kasse panier carrito
    carrello winkelwagen varukorg merkzettel payment payments pay receipt thanks thank-you thank_you
    thankyou confirm confirmation success refund buynow addtocart mycart pagar bezahlen zahlung
    paiement pago danke merci gracias""".split()
)
# Here a product is bought or one of many; but goods stand under such words, too.
_BUYING = _NEVER_SHOWN | frozenset(
    """carts baskets bag checkouts order orders purchase purchases buy comparison search category
    categories new bestellung bestellungen caisse commande commandes pedido pedidos ordine ordini
    refunds returns favorites favourites favorite favourite saved downloads comprar kaufen
    acheter""".split()
)
# What is done in a cart: two words of buying in one address are no name of goods.
_DOING = frozenset(
    """add added remove removed confirm confirmation confirmed success complete completed thanks
    history status payment pay step place placed now cancel account""".split()
)
_GOODS = frozenset(
    """product products item items article articles goods variant variants stock
    inventory image images photo photos page form view views detail details list single
    one by id price prices my the a an catalog catalogue shop store seller vendor
    merchant site web product-page add write leave submit to shopping panel""".split()
)
_ALL = _STAFF | _GOODS
_ALL_OF_BUYING = _BUYING | _DOING | _GOODS
# In the name of a view these may be a part of what a product page offers.
_WEAK = frozenset(
    ["create", "creates", "review", "reviews", "invoice", "invoices", "staff", "rate"]
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ENOUGH_ITEMS = 2
_LISTS = ("products", "items", "results", "product_list", "object_list", "page_obj", "pagination")


class Doubt(NamedTuple):
    """What a route's own words say against its pages.

    :ivar reason: the reason to refuse them, or None.
    :ivar needs_sign: only if a page bears it out.
    :ivar word: the word that says so.
    """

    reason: Reason | None = None
    needs_sign: bool = False
    word: str = ""


@functools.lru_cache(maxsize=4096)
def doubt_about(rule: str | None, endpoint: str | None, path: str = "") -> Doubt:
    """What speaks against the pages of a route.

    :param rule: the route's rule, such as ``/products/<int:id>/edit``.
    :param endpoint: with its blueprint's name, such as ``admin.product``.
    :param path: the address, for a rule that takes any: ``/<path:path>``.
    """
    rule = rule or ""
    if "<path:" in rule:
        rule = path.rpartition("/")[0] + "/<last>"
    whole, partial = _fixed_segments(rule)
    words = _words(endpoint or "")
    for segment in (*whole, *partial):
        if segment in _STAFF or _is_only_of(segment, _STAFF):
            return Doubt(Reason.BACK_OFFICE, word=segment)
    for word in words:
        if word in _STAFF and (word not in _WEAK or _ALL.issuperset(words)):
            return Doubt(Reason.BACK_OFFICE, word=word)
    before, _, last = rule.lower().rstrip("/").rpartition("/")
    if last in _DONE_TO_IT and "<" in before:
        return Doubt(Reason.BACK_OFFICE, word=last)
    whole = [part for segment in whole for part in _parts_of_buying(segment)]
    buying = [word for word in (*whole, *words) if word in _BUYING]
    if not buying:
        return Doubt()
    ends_in_it = last in _BUYING
    others = set(whole) - _GOODS
    is_doing = not _DOING.isdisjoint(whole) or (bool(others) and others <= _NEVER_SHOWN)
    return Doubt(Reason.BUYING, needs_sign=not ends_in_it and not is_doing, word=buying[0])


def page_above(rule: str, rules: Collection[str]) -> str | None:
    """The route of which another one is a part: ``/products/<id>`` of ``/products/<id>/qr``.

    :param rules: all that answer GET, each as :func:`unnamed` gives it.
    """
    above, _, last = unnamed(rule).rstrip("/").rpartition("/")
    if "…" in last or last in _SHOWS_IT:
        return None
    above = above[: above.rfind("…") + 1]
    return above if above and above in rules else None


def unnamed(rule: str) -> str:
    """A rule without the names and types of its arguments."""
    return re.sub(r"<[^<>]*>", "…", rule).lower()


def has_listing(context: Mapping[str, object]) -> bool:
    """Whether a template was given a list of products as well."""
    for name in _LISTS:
        value = context.get(name)
        if type(value) in (list, tuple):
            if len(value) >= _ENOUGH_ITEMS:  # type: ignore[arg-type]
                return True
        elif value is not None and hasattr(type(value), "has_next"):
            return True
    return False


def _fixed_segments(rule: str) -> tuple[list[str], list[str]]:
    """The segments of a rule that are fixed, and the fixed parts of the others."""
    whole: list[str] = []
    partial: list[str] = []
    for segment in unnamed(rule).split("/"):
        fixed = segment.replace("…", "").strip("-_.")
        if fixed:
            (partial if "…" in segment else whole).append(fixed)
    return whole, partial


def _is_only_of(segment: str, words: frozenset[str]) -> bool:
    """Whether a segment is put together of words alone: ``edit-product``, ``updateproduct``."""
    parts = re.split(r"[-_.]", segment)
    if len(parts) > 1:
        return all(part in _ALL for part in parts) and not words.isdisjoint(parts)
    return any(
        (segment.startswith(word) and segment[len(word) :] in _GOODS)
        or (segment.endswith(word) and segment[: -len(word)] in _GOODS)
        for word in words
    )


def _parts_of_buying(segment: str) -> list[str]:
    """The words of a segment of words of buying alone: ``my-cart``, ``place-order``."""
    parts = re.split(r"[-_]", segment)
    return parts if _ALL_OF_BUYING.issuperset(parts) else [segment]


def _words(endpoint: str) -> list[str]:
    """The words of an endpoint and its blueprint; "with reviews" is what a page shows as well."""
    endpoint = endpoint.replace("-", "_")
    if not re.fullmatch(r"[\w.]*", endpoint):
        return []
    words = [part.lower() for part in _PARTS.findall(endpoint)]
    for at, word in enumerate(words):
        if word in ("with", "and", "or"):
            return words[:at]
    return words


_FORM = re.compile(rb"<form\b[^<>]*>(.*?)(?:</form\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(rb"(?i)<(input|textarea)\b")
_UNTYPED = frozenset("hidden submit button checkbox radio image reset file color range".split())
_NAME_FIELD = re.compile(r"(?:name|title|nombre|titre|titel|bezeichnung|nome|naam)\d*\Z")
_PRICE_FIELD = re.compile(r"price|preis|prix|precio|prezzo|preco|prijs|cena|amount|cost")
_MOST_FORMS = 40


def is_edit_form(page: bytes, guess: GuessedProduct) -> bool:
    """Whether a form of the page lets its visitor write the product's own name and price.

    Hidden and read-only fields, as of an add-to-cart form, say nothing.
    """
    if page.rfind(b"<form") < 0 and page.rfind(b"<FORM") < 0:  # backwards: half of the time
        return False
    name = guess.product.name.casefold()
    amounts = {price.amount for price in guess.prices}
    for form in islice(_FORM.finditer(page), _MOST_FORMS):
        has_name = has_price = False
        for field, value in _editable_fields(form[1]):
            if value.strip().casefold() == name and _NAME_FIELD.search(field):
                has_name = True
            elif _PRICE_FIELD.search(field) and (
                not value.strip() or machine_amount(value) in amounts
            ):
                has_price = True
        if has_name and has_price:
            return True
    return False


def _editable_fields(form: bytes) -> Iterator[tuple[str, str]]:
    """The name and the value of each field that a visitor can write into."""
    for found in _FIELD.finditer(form):
        attribute, end = attributes(form, found.end())
        if (
            attribute.get("type", "text").lower() in _UNTYPED
            or "readonly" in attribute
            or "disabled" in attribute
        ):
            continue
        value = attribute.get("value", "")
        if found[1].lower() == b"textarea":
            stop = form.find(b"</", end)
            text = form[form.find(b">", end - 1) + 1 : stop if stop >= 0 else None]
            value = html_entities.unescape(text.decode("utf-8", "replace"))
        yield (attribute.get("name") or attribute.get("id") or "").lower().replace("-", "_"), value
