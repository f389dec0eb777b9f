"""What the extension makes of the store's own pages."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from topmail_flask.cli.checks.finding import Finding, error, ok, warning
from topmail_flask.cli.checks.sampling import Sample
from topmail_flask.cli.checks.store import Store
from topmail_flask.cli.routes import routes as told_routes
from topmail_flask.extraction.extract import extract
from topmail_flask.model.settings import ID_KINDS


def routes(store: Store) -> Finding:
    """How would products be found?"""
    count = Counter(
        what.partition(":")[0].partition(",")[0] for _, _, what in told_routes(store.app)
    )
    marked, by_template, by_page = (
        count[name] for name in ("marked", "by template", "by structured data only")
    )
    if not marked + by_template + by_page:
        return error("The store has no route that answers a GET.", "See: flask topmail routes")
    return ok(f"{marked} marked, {by_template} by template, {by_page} by structured data only.")


def pages(store: Store) -> Finding:
    """Do product pages show products? Looked at are those named, else some that are linked."""
    samples = [one for one in store.samples if one.is_meant or one.decision.product]
    if not samples:
        what = f"No product page is linked from {store.home_path}, so none was looked at."
        return warning(what, "Name some: flask topmail doctor --sample PATH")
    bad = [one for one in samples if one.decision.product is None]
    details = tuple(f"{one.address}: {_told(one)}" for one in samples)
    if not bad:
        return ok(f"{len(samples)} looked at; each shows a product.", details=details)
    reasons = ", ".join(sorted({str(one.decision.reason) for one in bad}))
    what = f"{len(bad)} of {len(samples)} product pages looked at show no product ({reasons})."
    found = error if len(bad) == len(samples) else warning
    return found(what, "Ask: flask topmail inspect PATH", details=details)


def ids(store: Store) -> Finding:
    """Are the products' ids of one kind (rule R34)? A mix would make one product two."""
    told = {one.address: _id_kinds(store, one) for one in store.samples}
    kinds = {address: found for address, found in told.items() if found}
    if len(kinds) < 2:
        return ok("Fewer than two pages looked at take their ids from structured data.")
    common = frozenset(ID_KINDS).intersection(*kinds.values())
    if common:
        return ok(f"{len(kinds)} pages tell their products' ids in one way: {_first(common)}.")
    details = tuple(f"{address}: {_first(found)}" for address, found in kinds.items())
    names = " and ".join(sorted({_first(found) for found in kinds.values()}))
    what = f"Ids are of different kinds ({names}): one product may pass for two."
    cure = "Set TOPMAIL_ID_FROM to a kind that every page tells, or declare the products."
    return warning(what, cure, details=details)


def _told(sample: Sample) -> str:
    product = sample.decision.product
    if product is None:
        return str(sample.decision.reason)
    price = f"{product.price} {product.currency}" if product.price is not None else "no price"
    return f"{product.id}, {price}"


def _id_kinds(store: Store, sample: Sample) -> frozenset[str]:
    """The kinds of identifiers that the page's id may be; none where the shop itself told it."""
    product, extraction = sample.decision.product, sample.decision.extraction
    traces = extraction.trace.fields if extraction else ()
    told_by = next((one.source for one in traces if one.field == "id"), "declared")
    if product is None or product.url is None or told_by in ("declared", "template"):
        return frozenset()
    html, _ = store.get(sample.address).html(store.settings.max_page_bytes)
    return frozenset(
        kind
        for kind in ID_KINDS
        if html is not None
        and (seen := _seen_by(store, html, product.url, kind)) is not None
        and seen == product.id
    )


def _seen_by(store: Store, html: bytes, url: str, kind: str) -> str | None:
    found = extract(html, url, settings=replace(store.settings, id_from=(kind,))).product
    return found.id if found else None


def _first(kinds: frozenset[str]) -> str:
    return next(kind for kind in ID_KINDS if kind in kinds)
