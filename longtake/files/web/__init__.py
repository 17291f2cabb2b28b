"""The guarded web: which addresses may be reached, TLS, downloads that go on where they broke off, parts of files."""
