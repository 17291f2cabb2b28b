"""How an output stands, for `longtake status`: what is done, in flight, unknown, and what was spent."""
