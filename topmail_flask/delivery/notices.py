"""What the log says of delivery: each new state once, and one warning a minute at the most."""

from __future__ import annotations

import logging

logger = logging.getLogger("topmail_flask.delivery")
INTERVAL = 60.0


class Notices:
    """Sentences by topic. They name views by key, never a shopper, a product or an API key."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._waiting: dict[str, str] = {}
        self._next = 0.0

    def note(self, topic: str, sentence: str) -> None:
        """Have the topic's latest sentence logged, unless it was the last one said of it."""
        if self._said.get(topic) != sentence:
            self._waiting[topic] = sentence

    def over(self, topic: str, sentence: str) -> None:
        """The topic's state has ended; that is logged (as information) if its begin was."""
        self._waiting.pop(topic, None)
        if self._said.pop(topic, None) is not None:
            logger.info("TopMail: %s", sentence)

    def speak(self, now: float) -> None:
        """Log what waits, if it is time. ``now`` is a monotonic clock's reading in seconds."""
        if not self._waiting or now < self._next:
            return
        self._next = now + INTERVAL
        topic = next(iter(self._waiting))
        sentence = self._said[topic] = self._waiting.pop(topic)
        logger.warning("TopMail: %s", sentence)
