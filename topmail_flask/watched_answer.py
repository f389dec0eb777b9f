"""A WSGI answer that passes through unchanged, and what was seen of it on its way (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Headers = list[tuple[str, str]]


class WatchedAnswer:
    """Follows one answer of a WSGI application from ``start_response`` to ``close()``.

    Nothing is held back: each chunk goes on as it comes, and only a reference to it is kept. What
    is no page to read is not followed any further: the server then gets the application's own
    iterable.

    :param room: asked with status line and headers when the application starts its answer (again,
        if an error makes it start anew): how many bytes of the body to keep at the most.
    :param done: called once, when the server closes the answer, or as soon as it is clear that
        there is nothing to follow. Neither may raise.
    :ivar complete: the server took the body to its end.
    :ivar kept: the chunks so far; None if they were more than there was room for, or no bytes.
    """

    def __init__(
        self, room: Callable[[str, Headers], int], done: Callable[[WatchedAnswer], None]
    ) -> None:
        self.complete = False
        self._ask_room = room
        self.done = done
        self._started = False
        self._room = 0
        self.kept: list[bytes] | None = []

    @property
    def body(self) -> bytes | None:
        """What was sent so far; None if it was more than there was room for, or no bytes."""
        return None if self.kept is None else b"".join(self.kept)

    def starting(self, start_response: Callable[..., Any]) -> Callable[..., Any]:
        """``start_response`` for the application."""

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            try:
                if exc_info:
                    write = start_response(status, headers, exc_info)
                else:
                    write = start_response(status, headers)
            finally:
                exc_info = None  # PEP 3333: a traceback must not hold the frame that holds it
            self._started = True
            self.kept = []
            self._room = self._ask_room(status, headers)
            if not self._room:
                return write

            def watched_write(chunk: bytes) -> object:
                written = write(chunk)
                try:
                    self.keep(chunk)
                except Exception:  # noqa: BLE001  what was written was written
                    self.kept = None
                return written

            return watched_write

        return start

    def around(self, result: Iterable[bytes], file_wrapper: object) -> Iterable[bytes]:
        """What the server gets in place of the application's iterable."""
        is_file = hasattr(result, "read") or (
            isinstance(file_wrapper, type) and isinstance(result, file_wrapper)
        )
        if is_file or (self._started and not self._room):
            self.done(self)
            return result
        # Servers work out a Content-Length from an iterable of the length 1.
        return (_Sequence if hasattr(result, "__len__") else _Chunks)(self, result)

    def keep(self, chunk: object) -> None:
        """Note a chunk that goes to the server."""
        if self.kept is None:
            return
        if type(chunk) is not bytes or len(chunk) > self._room:
            self.kept = None
            return
        self._room -= len(chunk)
        self.kept.append(chunk)


class _Chunks:
    def __init__(self, answer: WatchedAnswer, result: Iterable[bytes]) -> None:
        self._answer = answer
        self._result = result
        self._iterator: Iterator[bytes] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._result)
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._answer.complete = True
            raise
        try:
            self._answer.keep(chunk)
        except Exception:  # noqa: BLE001  the server gets its chunk, whatever became of ours
            self._answer.kept = None
        return chunk

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._answer.done(self._answer)
        finally:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()


class _Sequence(_Chunks):
    def __len__(self) -> int:
        return len(self._result)  # type: ignore[arg-type]  # chosen because it has a length
