"""Where a page is on the shop's own site: a forged Host header does not get in."""

from __future__ import annotations

from urllib.parse import urlsplit


def site_address(url: str, site: str, mounted_at: str) -> str:
    """The address of a request, with its query, on ``TOPMAIL_SITE_URL``.

    :param url: the request's own absolute URL.
    :param site: the shop's public address. Where it has a path, that is where the app is.
    :param mounted_at: the path below which the app is mounted, as it stands in ``url``.
    """
    parts = urlsplit(url)
    path = parts.path
    if site.find("/", len("https://")) >= 0:
        path = path.removeprefix(mounted_at)
    return f"{site}{path}?{parts.query}" if parts.query else f"{site}{path}"


def server_address(url: str, server_name: str) -> str:
    """The address of a request on ``SERVER_NAME`` of a Flask app, or on a subdomain of it."""
    parts = urlsplit(url)
    if parts.netloc == server_name or parts.netloc.endswith(f".{server_name}"):
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{server_name}{parts.path}{query}"
