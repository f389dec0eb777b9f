"""Views that the server cannot see: cached, prefetched, prerendered and restored pages."""
