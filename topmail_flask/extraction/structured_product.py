"""The product that a page's structured data tells, or completes (rules R20 to R56)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from topmail_flask.extraction.addresses import is_front_page
from topmail_flask.extraction.assembly import Assembly, assemble, assemble_plain
from topmail_flask.extraction.choice import Choice
from topmail_flask.extraction.completion import complete
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.recent_pages import BYTES_LIMIT, MOMENT, RecentPages
from topmail_flask.extraction.structured_page import StructuredPage
from topmail_flask.extraction.variants import arguments
from topmail_flask.model.decision import Extraction, Rejected, Trace
from topmail_flask.model.product import ID_LIMIT, Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

_RECENT = RecentPages()
_NOTED = 20


@dataclass(frozen=True, slots=True)
class Question:
    """A page and how the shop wants it read.

    :ivar blocks: its JSON-LD blocks.
    :ivar currency: code of prices that name none, or None.
    :ivar now: the time, in seconds since the epoch.
    :ivar view_args: the values that the route took from the URL.
    """

    document: Document
    blocks: list[bytes]
    settings: Settings
    currency: str | None
    now: float
    view_args: Mapping[str, object] | None

    def page(self) -> StructuredPage:
        """The page, read."""
        return StructuredPage(self.document, self.blocks, self.settings, self.currency, self.now)


def answer(
    question: Question, declared: Product | None, template_product: Product | None
) -> Extraction:
    """The product that the page tells, or completes if the shop names one."""
    chosen = arguments(question.document.url, question.view_args, question.settings.variant_args)
    if sum(map(len, question.blocks)) > BYTES_LIMIT or not question.blocks:
        return _answered(question.page(), chosen, declared, template_product)
    key = (*_key(question, chosen), declared, template_product)
    known = _RECENT.answer(key)
    if known is not None:
        return known
    page = question.page()
    extraction = _answered(page, chosen, declared, template_product)
    if page.is_read_by_its_head:
        _RECENT.remember(key, extraction)
    return extraction


def _answered(
    page: StructuredPage,
    chosen: set[str],
    declared: Product | None,
    template_product: Product | None,
) -> Extraction:
    if declared is not None:
        return complete(declared, "declared", template_product, page, chosen)
    if template_product is not None:
        return complete(template_product, "template", None, page, chosen)
    return _read(page, chosen)


def _key(question: Question, chosen: set[str]) -> tuple[Hashable, ...]:
    """All that the answer depends on where JSON-LD and the head decide."""
    document, head = question.document, question.document.head
    place = (document.url, head.canonical, head.base, head.lang)
    shop = (question.settings, question.currency, question.now // MOMENT, frozenset(chosen))
    return (*question.blocks, head.meta_tags(), document.names_product_items, place, shop)


def _read(page: StructuredPage, chosen: set[str]) -> Extraction:
    """The product that the page's structured data tells.

    :param chosen: values of arguments that choose a variant.
    """
    plain = page.plain_entity()
    if plain is not None:
        return _result(page, Choice(plain), assemble_plain(page, plain, chosen))
    page.read_the_rest()
    choice = page.choose()
    if choice.entity is None:
        return Extraction(None, choice.reason, _trace(page, choice))
    return _result(page, choice, assemble(page, choice.entity, chosen))


def _result(page: StructuredPage, choice: Choice, assembly: Assembly) -> Extraction:
    args = page.settings.url_args
    if is_front_page(page.place.url, args) and is_front_page(
        page.place.canonical or page.place.url, args
    ):
        return Extraction(None, Reason.FRONT_PAGE, _trace(page, choice))
    product_id = assembly.values.get("id")
    if product_id is None:
        return Extraction(None, Reason.INCOMPLETE, _trace(page, choice, assembly))
    if len(product_id) > ID_LIMIT:
        return Extraction(None, Reason.ID_TOO_LONG, _trace(page, choice, assembly))
    product = assembly.product()
    if product is None:
        return Extraction(None, Reason.INVALID_PRODUCT, _trace(page, choice, assembly))
    return Extraction(product, None, _trace(page, choice, assembly))


def _trace(page: StructuredPage, choice: Choice, assembly: Assembly | None = None) -> Trace:
    problems = [*page.document.notes, *(assembly.problems if assembly else ())]
    if choice.why:
        problems.append(("page", choice.why))
    return Trace(
        fields=tuple(assembly.fields) if assembly else (),
        conflicts=tuple(assembly.conflicts) if assembly else (),
        rejected=tuple(Rejected(what, why) for what, why in problems[:_NOTED]),
        candidates=() if choice.entity else page.candidate_names(_NOTED),
        related=tuple(page.found.related),
        repairs=tuple(page.repairs),
    )
