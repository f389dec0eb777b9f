"""What a page told about its product, and why: for people as much as for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

from topmail_flask.model.events import ProductView
from topmail_flask.model.product import PRODUCT_FIELDS, Product
from topmail_flask.model.reasons import Reason


class FieldTrace(NamedTuple):
    """Where one field of the product came from.

    :ivar field: name of the field, as in :class:`~topmail_flask.Product`.
    :ivar source: ``declared``, ``template``, one of ``extraction.extract.SOURCES`` (``json_ld``,
        ``microdata``, ``rdfa``, ``open_graph``, ``product_tags``, ``view_item``), ``breadcrumbs``,
        ``canonical`` or ``request``.
    :ivar raw: what stood there, as text of at most 200 characters.
    :ivar value: what became of it, as text.
    """

    field: str
    source: str
    raw: str
    value: str


Noted = tuple[str, str, object, object]
"""What a :class:`FieldTrace` is made of: field, source, what stood there, what became of it."""


def noted(product: Product, source: str) -> list[Noted]:
    """One entry for each field of a product that the shop named itself."""
    return [
        (name, source, value, value)
        for name in PRODUCT_FIELDS
        if (value := getattr(product, name)) is not None
    ]


def _short(value: object) -> str:
    """A raw value, at most 200 characters and never a deep structure."""
    while isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        return "{" + ", ".join(str(key) for key in list(value)[:8])[:190] + "}"
    return str(value)[:200]


class Conflict(NamedTuple):
    """Two sources say different things of one product; the first one was believed."""

    field: str
    source: str
    value: str
    other_source: str
    other_value: str


class Rejected(NamedTuple):
    """Something that was read and not used.

    :ivar what: a field, a product's name, or a block such as ``JSON-LD block 2``.
    :ivar why: the rule or the fault, in words.
    :ivar fix: the line to write, or the setting; empty where there is none.
    """

    what: str
    why: str
    fix: str = ""


# An amount of less than this share of a price beside it is a part of it: a saving, an instalment of
# three or more, a price per unit.
LEAST_SHARE = Decimal("0.4")


class ShopPrice(NamedTuple):
    """A price that an object of the shop may mean.

    :ivar amount: in units of :attr:`currency`.
    :ivar name: the attribute that holds it, or what it was worked out from.
    :ivar needs_page: it counts only if the page shows it: a discount that was worked out.
    :ivar least_share: of a higher price beside it; with less it is a part of that one: a rate, a
        saving. 0: whatever it is, its name says that this is what a shopper pays now.
    """

    amount: Decimal
    currency: str
    name: str
    needs_page: bool = False
    least_share: Decimal = LEAST_SHARE


@dataclass(frozen=True, slots=True)
class GuessedProduct:
    """The product of a template variable that nobody marked: its page has the last word about it.

    :ivar product: what the object alone says.
    :ivar prices: all prices that the object may mean.
    :ivar pictures: file names and paths of its picture, to be looked for in the page.
    :ivar doubt: why the route's own words speak against a page for shoppers; None: nothing does.
    :ivar needs_sign: the doubt counts only if the page bears it out.
    :ivar rejected: what was read of the object and not used.
    :ivar is_certain: the shop's own function made it: its price is not judged by the page.
    :ivar is_addressed: whether a value in the page's address is its id or its name; None: the
        address has no value, whatever the template holds.
    :ivar needs_title: it counts only where the page's title or heading names it: another template
        was the last of the request.
    :ivar is_described: the page's own structured data has a product as well: it is no teaser.
    """

    product: Product
    prices: tuple[ShopPrice, ...] = ()
    pictures: tuple[str, ...] = ()
    doubt: Reason | None = None
    needs_sign: bool = False
    rejected: tuple[Rejected, ...] = ()
    is_certain: bool = False
    is_addressed: bool | None = True
    needs_title: bool = False
    is_described: bool = False

    def __hash__(self) -> int:
        return hash(self.product.id)

    @property
    def is_refused(self) -> bool:
        """Whether the route's words are enough to refuse the page."""
        return self.doubt is not None and not self.needs_sign


@dataclass(frozen=True, slots=True)
class Trace:
    """How a decision came about.

    :ivar fields: one entry for each field of the product; made when somebody asks for it.
    :ivar conflicts: fields of which the sources say different things.
    :ivar rejected: what was read and not used, and why.
    :ivar candidates: the products among which none could be chosen, when that is the reason.
    :ivar related: names of products that the page only mentions.
    :ivar repairs: what had to be mended in the structured data to read it.
    :ivar noted: what ``fields`` is made of.
    """

    fields: tuple[FieldTrace, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    candidates: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    noted: tuple[Noted, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.noted:  # few pages are ever asked
            object.__delattr__(self, "fields")

    def __getattr__(self, name: str) -> Any:
        if name != "fields":
            raise AttributeError(name)
        fields = tuple(
            FieldTrace(what, source, _short(raw), str(value))
            for what, source, raw, value in self.noted
        )
        object.__setattr__(self, "fields", fields)
        return fields


NOTHING = Trace()


@dataclass(frozen=True, slots=True)
class Extraction:
    """The product of a page, or the reason why there is none.

    :ivar product: the product with its URL, or None.
    :ivar reason: why :attr:`product` is None; None when there is a product.
    :ivar trace: where every field came from, and what was rejected.
    """

    product: Product | None = None
    reason: Reason | None = None
    trace: Trace = NOTHING


class Decision(NamedTuple):
    """What became of one page.

    :ivar views: the views handed over for delivery; mostly one or none.
    :ivar product: the page's product, if there was one.
    :ivar reason: why there is no view; None if there is one.
    :ivar extraction: how the product was found, if the page was read.
    """

    views: tuple[ProductView, ...] = ()
    product: Product | None = None
    reason: Reason | None = None
    extraction: Extraction | None = None

    @property
    def header(self) -> str:
        """The decision as the value of the ``X-TopMail`` header."""
        if self.views:
            return f"view; product={quote(self.views[0].product.id)}"
        of = f"; product={quote(self.product.id)}" if self.product else ""
        return f"none; reason={self.reason}{of}"


@cache
def refused(reason: Reason) -> Decision:
    """What became of a page that was not looked at: the same for all that have one reason."""
    return Decision(reason=reason)
