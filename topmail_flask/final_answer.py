"""An answer of the store once it is final: its headers read once, its body when asked for."""

from __future__ import annotations

from functools import lru_cache

from flask import Response
from werkzeug.http import parse_options_header

from topmail_flask.extraction.encodings import readable
from topmail_flask.model.reasons import Reason

HTML = ("text/html", "application/xhtml+xml")


class FinalAnswer:
    """What an answer says of itself.

    :ivar response: the answer; never changed here.
    :ivar mimetype: media type, lower-case, without parameters.
    :ivar charset: character set that the Content-Type names, if any.
    :ivar disposition: the ``Content-Disposition`` header, if there is one.
    """

    __slots__ = ("_encoding", "_page", "charset", "disposition", "mimetype", "response")

    def __init__(self, response: Response) -> None:
        # In one pass: to look for a header that is not there makes Werkzeug raise an exception.
        told = {name.lower(): value for name, value in response.headers}
        self.response = response
        self.mimetype, self.charset = media_type(told.get("content-type"))
        self.disposition = told.get("content-disposition")
        self._encoding = told.get("content-encoding")
        self._page: tuple[bytes | None, Reason | None] | None = None

    def page(self, limit: int) -> tuple[bytes | None, Reason | None]:
        """The body of an HTML page, not compressed any more; or why it cannot be read.

        :param limit: bytes of the page at the most.
        """
        if self._page is None:
            self._page = self._read(limit)
        return self._page

    def _read(self, limit: int) -> tuple[bytes | None, Reason | None]:
        response = self.response
        if self.mimetype not in HTML:
            return None, None
        if response.direct_passthrough or not response.is_sequence:
            return None, Reason.NO_BODY
        # A 304 has its body still: Werkzeug leaves it out when the answer is sent.
        body = response.get_data()
        if response.status_code == 304 and not body:
            return None, Reason.NO_BODY
        return readable(body, self._encoding, limit)


@lru_cache(maxsize=64)
def media_type(content_type: str | None) -> tuple[str, str | None]:
    """The media type that a ``Content-Type`` header names, in lower case, and its charset."""
    mimetype, parameters = parse_options_header(content_type)
    return mimetype.lower(), parameters.get("charset")
