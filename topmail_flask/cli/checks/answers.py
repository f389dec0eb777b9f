"""Does the extension change the store's answers, and can it read them?"""

from __future__ import annotations

from importlib.metadata import packages_distributions

from topmail_flask.cli.checks.configuration import function_name
from topmail_flask.cli.checks.finding import Finding, error, ok, warning
from topmail_flask.cli.checks.store import Page, Store
from topmail_flask.model.reasons import Reason

_CODINGS = "gzip, deflate, br, zstd"  # what a browser takes


def cacheability(store: Store) -> Finding:
    """Is the home page the same with and without the extension?

    Asked for without it as well twice before and once after, so that what changes by itself
    (tokens, times, offers of the minute) is known.
    """
    before, again, seen = store.get(store.home_path), store.get(store.home_path), store.home
    after = store.get(store.home_path)
    if before.status != 200:
        cure = "Name another page: flask topmail doctor --home PATH"
        return warning(f"{store.home_path} answers {before.status}: nothing to compare.", cure)
    added = [
        one for one in _differences(before, again, seen) if one in _differences(after, again, seen)
    ]
    if "x-topmail" in added and (store.app.debug or store.settings.debug_header):
        added.remove("x-topmail")
        if not store.app.debug:
            cure = "Unset TOPMAIL_DEBUG_HEADER where pages are cached."
            return warning("TOPMAIL_DEBUG_HEADER adds a header to every page.", cure)
    if added:
        what = f"With the extension {store.home_path} is not the same: {', '.join(added)}."
        cure = "Does a hook of the shop change the response? If not: flask topmail report"
        return error(what, cure)
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
    return sorted(value for one, value in page.headers if one == name)


def _compressors(store: Store) -> str:
    """Which packages of others change answers after the view, and look like compression."""
    functions = [one for each in store.app.after_request_funcs.values() for one in each]
    modules = [str(getattr(one, "__module__", "")).partition(".")[0] for one in functions]
    known = packages_distributions()
    found = [
        known.get(module, [module])[0]
        for module, function in zip(modules, functions, strict=True)
        if any(
            word in f"{module} {function_name(function)}".lower() for word in ("compress", "gzip")
        )
    ]
    return ", ".join(dict.fromkeys(found))
