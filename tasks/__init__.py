"""The steps as Prefect shows them, one verb a file; what they know is in the library."""
