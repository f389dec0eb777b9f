"""Text that never shows itself whole."""

from __future__ import annotations

from typing import Any


class Secret:
    """A key or a password: all but :meth:`reveal` shows its ends only (``tm_live_****abcd``).

    It may be compared, copied and used as a dictionary's key; a pickle of it cannot be made.
    """

    __slots__ = ("__reveal",)

    def __init__(self, text: str) -> None:
        # A closure: no attribute holds the text, so no dump of attributes shows it.
        def reveal() -> str:
            return text

        self.__reveal = reveal

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self.__reveal()

    def __str__(self) -> str:
        text = self.reveal()
        return f"{text[:8]}****{text[-4:]}" if len(text) > 16 else "****"

    def __repr__(self) -> str:
        return f"<Secret {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a Secret cannot be pickled")
