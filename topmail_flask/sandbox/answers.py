"""What the sandbox answers: TopMail's one success shape and its one error shape."""

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, before it meets a socket."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"

    def with_headers(self, *headers: tuple[str, str]) -> "Answer":
        """Return this answer with those of ``headers`` that it does not have yet."""
        own = {name.lower() for name, _ in self.headers}
        added = tuple(pair for pair in headers if pair[0].lower() not in own)
        return Answer(self.status, self.body, self.headers + added, self.content_type)


def success(status: int, content: Json) -> Answer:
    """Return a success answer; ``content`` holds ``data`` and, for lists, ``pagination``."""
    return Answer(status, json.dumps(content).encode())


class ApiError(Exception):
    """A call that TopMail would refuse.

    ``code`` is one of the contract's codes, ``path`` the field at fault (validation only).
    """

    def __init__(self, status: int, code: str, message: str, path: str | None = None) -> None:
        """Keep the facts; the sentence is for the developer who reads the page."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.headers: tuple[tuple[str, str], ...] = ()

    def answer(self) -> Answer:
        """Return the answer in TopMail's error shape."""
        error = {"code": self.code, "message": self.message}
        if self.path is not None:
            error["path"] = self.path
        return Answer(self.status, json.dumps({"error": error}).encode(), self.headers)


def invalid(path: str, complaint: str) -> ApiError:
    """Return the 400 for one wrong field."""
    return ApiError(400, "validation_error", f"{path} {complaint}", path)
