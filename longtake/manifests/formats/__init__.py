"""Each kind of file that a manifest may be, to columns of text and types: CSV, JSON Lines, Parquet, workbooks."""
