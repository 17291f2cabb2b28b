"""Rows and runs that name several vendors or accounts: who of them can honour a shot, and on which terms."""
