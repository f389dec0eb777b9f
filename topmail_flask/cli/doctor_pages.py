"""What the extension makes of the store's own pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import packages_distributions

from topmail_flask.cli.doctor_configuration import function_name
from topmail_flask.cli.doctor_store import Finding, Page, Sample, Store, error, ok, warning
from topmail_flask.cli.routes import routes as routes_of
from topmail_flask.cli.terminal import count_of
from topmail_flask.extraction.encodings import in_utf8
from topmail_flask.extraction.extract import extract
from topmail_flask.extraction.page_purpose import doubt_about
from topmail_flask.extraction.shown_price import NOT_SHOWN, price_fault
from topmail_flask.flask_page import BEACON
from topmail_flask.model.ledger import Health
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import ID_KINDS

_HOME = re.compile("home|index")
_CODINGS = "gzip, deflate, br, zstd"  # what a browser takes


def routes(store: Store) -> Finding:
    """How would products be found?"""
    count = Counter(what.partition(":")[0].partition(",")[0] for _, _, what in routes_of(store.app))
    marked, by_template, by_page = (
        count[name] for name in ("marked", "by template", "by structured data only")
    )
    if not marked + by_template + by_page:
        return error("The store has no route that answers a GET.", "See: flask topmail routes")
    return ok(f"{marked} marked, {by_template} by template, {by_page} by structured data only.")


def pages(store: Store) -> Finding:
    """Do product pages show products? Looked at are those named, else some that are linked."""
    samples = store.samples
    if not samples:
        what = f"No product page is linked from {store.home_path} or the pages behind its links."
        path = _route_like(
            store, lambda _, what: what.startswith(("marked", "by template:")), has_value=True
        )
        return warning(what, f"Name some: flask topmail doctor --sample {path}")
    bad = [sample for sample in samples if sample.decision.product is None]
    details = tuple(f"{sample.address}: {_outcome(sample)}" for sample in samples)
    if not bad:
        copies = [sample for sample in samples if _is_lost_from_cache(store, sample)]
        if copies:
            what = f"{copies[0].address} shows no product when it comes from the store's own cache."
            return error(what, "Put {{ topmail_beacon() }} into its template.", details=details)
        return ok(f"{len(samples)} looked at; each shows a product.", details=details)
    reasons = ", ".join(sorted({str(sample.decision.reason) for sample in bad}))
    looked = count_of(len(samples), "product page")
    what = f"No product on {len(bad)} of {looked} looked at ({reasons})."
    found = error if len(bad) == len(samples) else warning
    fix = next((sample.fix for sample in bad if sample.fix), "Ask: flask topmail inspect PATH")
    return found(what, fix, details=details)


def _is_lost_from_cache(store: Store, sample: Sample) -> bool:
    """Whether the next visitor gets a copy that does not tell its product, and has no beacon."""
    again = store.decide(sample.address)
    return again.product is None and BEACON not in store.get(sample.address).body


def prices(store: Store) -> Finding:
    """Is the price that would be sent the one that the page shows?"""
    faults = {}
    count = 0
    for sample in store.samples:
        product, trace = sample.decision.product, sample.trace
        if product is None:
            continue
        count += product.price is not None
        found = next(
            (rejection for rejection in trace.rejected if rejection.why.startswith(NOT_SHOWN)), None
        )
        if found is None and product.price is not None:
            html, _ = store.get(sample.address).html(store.settings.max_page_bytes)
            found = price_fault(in_utf8(html), product) if html is not None else None
        if found is not None:
            faults[sample.address] = found
    if not faults:
        return ok(f"{count_of(count, 'price')} looked at; no page contradicts its own.")
    details = tuple(f"{address}: {fault.why}" for address, fault in faults.items())
    fix = next((fault.fix for fault in faults.values() if fault.fix), "")
    pages = count_of(len(faults), "product page")
    what = f"On {pages} looked at the object's price is not the one shown."
    return warning(what, fix or 'Say which: @product_page(fields={"price": ...})', details=details)


def errors(store: Store) -> Finding:
    """Did topmail_flask itself fail, in the pages looked at or in the store's own processes?"""
    health = store.state.core.guard.judge(Health())
    if health.ok:
        return ok("topmail_flask itself raised nothing.")
    return error(f"Views are lost by an error of topmail_flask: {health.reason}.", health.fix)


def ids(store: Store) -> Finding:
    """Has each product an id of its own, and are all of one kind (rule R34)?

    A mix of kinds would make one product two, and an id that two share makes two products one.
    """
    names: dict[str, dict[str, str]] = {}
    for sample in store.samples:
        product = sample.decision.product
        if product is not None and product.variant_id is None:
            names.setdefault(product.id, {}).setdefault(product.name, sample.address)
    shared = next((product_id for product_id, found in names.items() if len(found) > 1), None)
    if shared is not None:
        details = tuple(f"{address}: {name}" for name, address in names[shared].items())
        what = f"Products of different names have the id {shared}: they would pass for one."
        fix = 'Say where the id is: @product_page(fields={"id": ...}), or set TOPMAIL_ID_FROM.'
        return warning(what, fix, details=details)
    kinds_of = {sample.address: _id_kinds(store, sample) for sample in store.samples}
    kinds = {address: found for address, found in kinds_of.items() if found}
    if len(kinds) < 2:
        return ok("Fewer than two pages looked at take their ids from structured data.")
    common = frozenset(ID_KINDS).intersection(*kinds.values())
    if common:
        return ok(f"{len(kinds)} pages tell their products' ids in one way: {_first(common)}.")
    details = tuple(f"{address}: {_first(found)}" for address, found in kinds.items())
    kinds_named = " and ".join(sorted({_first(found) for found in kinds.values()}))
    what = f"Ids are of different kinds ({kinds_named}): one product may pass for two."
    fix = "Set TOPMAIL_ID_FROM to a kind that every page tells, or declare the products."
    return warning(what, fix, details=details)


def _outcome(sample: Sample) -> str:
    product = sample.decision.product
    if product is None:
        faults = [
            f": {rejection.what} {rejection.why}. {rejection.fix}".rstrip()
            for rejection in sample.trace.rejected[:1]
        ]
        return f"{sample.decision.reason}{''.join(faults)}"
    price = f"{product.price} {product.currency}" if product.price is not None else "no price"
    return f"{product.id}, {price}"


def _id_kinds(store: Store, sample: Sample) -> frozenset[str]:
    """The kinds of identifiers that the page's id may be; none where the shop itself told it."""
    product, extraction = sample.decision.product, sample.decision.extraction
    traces = extraction.trace.fields if extraction else ()
    source = next((trace.source for trace in traces if trace.field == "id"), "declared")
    if product is None or product.url is None or source in ("declared", "template"):
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


def cacheability(store: Store) -> Finding:
    """Is the home page the same with and without the extension?

    Asked for without it as well twice before and once after, so that what changes by itself
    (tokens, times, offers of the minute) is known.
    """
    before, again, seen = store.get(store.home_path), store.get(store.home_path), store.home
    after = store.get(store.home_path)
    if before.status != 200:
        path = _route_like(store, lambda name, _: bool(_HOME.search(name)), has_value=False)
        fix = f"Name another page: flask topmail doctor --home {path}"
        return warning(f"{store.home_path} answers {before.status}: nothing to compare.", fix)
    added = [
        difference
        for difference in _differences(before, again, seen)
        if difference in _differences(after, again, seen)
    ]
    if "x-topmail" in added and (store.app.debug or store.settings.debug_header):
        added.remove("x-topmail")
        if not store.app.debug:
            fix = "Unset TOPMAIL_DEBUG_HEADER where pages are cached."
            return warning("TOPMAIL_DEBUG_HEADER adds a header to every page.", fix)
    if added:
        what = f"With the extension {store.home_path} is not the same: {', '.join(added)}."
        fix = "Does a hook of the shop change the response? If not: flask topmail report"
        return error(what, fix)
    cached = seen.header("cache-control")
    how = f"; Cache-Control stays {cached}" if cached else ""
    return ok(f"{store.home_path} is the same with and without the extension{how}.")


def compression(store: Store) -> Finding:
    """Do pages reach the extension in a coding that it can read?"""
    page = store.get(store.home_path, {"Accept-Encoding": _CODINGS})
    coding = page.header("content-encoding")
    if not coding:
        return ok("The store does not compress its pages itself.")
    _, reason = page.html(store.settings.max_page_bytes)
    by = _compressors(store)
    who = f" by {by}" if by else ""
    if reason is Reason.ENCODED:
        what = f"Pages are compressed as {coding}{who}: products that only the page tells are lost."
        return warning(what, "Mark the routes, or let the store use gzip (COMPRESS_ALGORITHM).")
    return ok(f"Pages are compressed as {coding}{who}, which the extension can read.")


def _route_like(store: Store, is_likely: Callable[[str, str], bool], *, has_value: bool) -> str:
    """The shortest of the routes that are likely, else of all; ``PATH`` where there is none.

    :param is_likely: by the route's endpoint, and what happens there.
    :param has_value: whether the route has a variable part.
    """
    found = [
        (not is_likely(endpoint, what), len(rule), re.sub(r"<[^<>]*>", "…", rule))
        for rule, endpoint, what in routes_of(store.app)
        if ("<" in rule) == has_value and rule != store.home_path
        if not what.startswith("never") and not doubt_about(rule, endpoint).reason
    ]
    return min(found, default=(False, 0, "PATH"))[2]


def _differences(before: Page, again: Page, seen: Page) -> list[str]:
    """Names of what differs with the extension, and not without it."""
    names = sorted({name for page in (before, again, seen) for name, _ in page.headers})
    found = [
        name
        for name in names
        if _values(before, name) == _values(again, name) != _values(seen, name)
        or bool(_values(before, name)) == bool(_values(again, name)) != bool(_values(seen, name))
    ]
    if before.status == again.status != seen.status:
        found.append("status")
    if before.body == again.body != seen.body:
        found.append("body")
    return found


def _values(page: Page, name: str) -> list[str]:
    return sorted(value for header, value in page.headers if header == name)


def _compressors(store: Store) -> str:
    """Which packages of others change answers after the view, and look like compression."""
    functions = [function for each in store.app.after_request_funcs.values() for function in each]
    modules = [str(getattr(function, "__module__", "")).partition(".")[0] for function in functions]
    known = packages_distributions()
    found = [
        known.get(module, [module])[0]
        for module, function in zip(modules, functions, strict=True)
        if any(
            word in f"{module} {function_name(function)}".lower() for word in ("compress", "gzip")
        )
    ]
    return ", ".join(dict.fromkeys(found))
