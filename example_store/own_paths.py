"""Where a form may lead back to: pages of this shop, and no other site's."""

from __future__ import annotations

import re


def own_path(wanted: str | None) -> str | None:
    # Browsers read "//elsewhere" and "/\\elsewhere" as another host.
    return wanted if wanted and re.fullmatch(r"/(?!/)[\w./?=&%+-]*", wanted) else None
