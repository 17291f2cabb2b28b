"""An S3 bucket as an output: what is asked of it, one request each, and what of it is known without asking."""
