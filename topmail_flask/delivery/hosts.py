"""What the server around this process allows."""

from __future__ import annotations

import sys

NO_THREADS = (
    "TopMail: this uWSGI runs no threads, so views wait on the disk. Start it with "
    "--enable-threads, or send them with: flask topmail drain."
)
_THREADS_BY_DEFAULT = (2, 0, 27)


def runs_threads() -> bool:
    """Whether threads run between the requests: an older uWSGI has to be asked for that.

    Where gevent has replaced them by greenlets, they run.
    """
    is_patched = getattr(sys.modules.get("gevent.monkey"), "is_module_patched", None)
    if is_patched is not None and is_patched("threading"):
        return True
    server = sys.modules.get("uwsgi")
    options = getattr(server, "opt", None)
    if not isinstance(options, dict):
        return True
    if server.version_info[:3] >= _THREADS_BY_DEFAULT:  # type: ignore[union-attr]
        return True
    return any(options.get(name) for name in ("enable-threads", "threads"))
