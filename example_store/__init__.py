"""Linden Row: a small, real shop that shows each way to integrate topmail_flask."""

from example_store.factory import create_app

__all__ = ["create_app"]
