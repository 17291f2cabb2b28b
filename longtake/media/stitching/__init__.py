"""Clips to one film: planned, conformed, joined, levelled, and told in a receipt."""
