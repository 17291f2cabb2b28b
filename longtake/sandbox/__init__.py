"""The vendors on loopback, faked from their documents: strict, billed, and able to fail on request."""
