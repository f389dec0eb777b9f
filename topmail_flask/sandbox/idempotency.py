"""Answers remembered by their ``Idempotency-Key``.

Only accepted calls are remembered: a key whose call was refused may be used again, so that a client
can create the missing contact and repeat its view.
"""

import hashlib
from dataclasses import dataclass

from topmail_flask.sandbox.answers import Answer, ApiError, Json, invalid

_KEY_LIMIT = 255
_REMEMBERED = 100_000


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what must be equal for two requests to be the same operation."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


@dataclass(frozen=True)
class RememberedAnswer:
    """The first answer to a key, and the view that it recorded, if any."""

    fingerprint: str
    status: int
    body: str
    view_id: str | None = None


class RememberedAnswers:
    """The newest 100,000 answers, by scope (an API key's label) and idempotency key."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._answers: dict[str, RememberedAnswer] = {}

    def find(self, scope: str, key: str, same: str) -> RememberedAnswer | None:
        """Return the first answer to ``key``, or None.

        Raises :class:`ApiError`: 409 when the key was used for another body, 400 for a key over
        255 characters.
        """
        if len(key) > _KEY_LIMIT:
            raise invalid("Idempotency-Key", f"must be at most {_KEY_LIMIT} characters")
        found = self._answers.get(f"{scope} {key}")
        if found is not None and found.fingerprint != same:
            raise ApiError(
                409,
                "idempotency_conflict",
                "This Idempotency-Key was used with another request: each operation needs its own",
            )
        return found

    def remember(
        self, scope: str, key: str, same: str, answer: Answer, view_id: str | None
    ) -> None:
        """Remember the answer to an accepted call."""
        if len(self._answers) >= _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[f"{scope} {key}"] = RememberedAnswer(
            same, answer.status, answer.body.decode(), view_id
        )

    def as_json(self) -> Json:
        """Return what :meth:`restore` takes."""
        return {key: vars(answer).copy() for key, answer in self._answers.items()}

    def restore(self, answers: Json) -> None:
        """Replace everything by ``answers``."""
        self._answers = {key: RememberedAnswer(**answer) for key, answer in answers.items()}
