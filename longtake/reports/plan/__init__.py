"""The plan for people and programs: terminal, Markdown, JSON, Parquet."""
