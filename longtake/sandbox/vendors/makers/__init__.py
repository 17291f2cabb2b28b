"""The makers' two platforms, read from their API reference (create, look, list, delete, callback, errors)."""
