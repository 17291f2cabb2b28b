"""Tests with a real Prefect server, which a process has for as long as it is in this folder."""
