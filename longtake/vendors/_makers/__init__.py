"""What the two platforms of the makers themselves share: one protocol and one set of limits, in two countries."""
