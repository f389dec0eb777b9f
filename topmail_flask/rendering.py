"""Whether a template is a page, or a part that another one asked for while it was at work."""

from __future__ import annotations

import sys
from types import FrameType

from jinja2 import Template

_AT_WORK = frozenset({Template.render.__code__, Template.generate.__code__})


def is_within_another() -> bool:
    """Whether any template is at work under this call.

    To be asked when a second template of a request begins: few requests have one, and a receiver
    of ``template_rendered`` that counts them would cost every page 3 us.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if frame.f_code in _AT_WORK:
            return True
        frame = frame.f_back
    return False
