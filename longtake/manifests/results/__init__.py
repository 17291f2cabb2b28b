"""Back to tables: the result of each row, the rows that want another run, several tables merged."""
