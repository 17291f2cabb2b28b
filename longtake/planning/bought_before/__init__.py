"""What earlier runs bought that stands for rows of this one: repairs, handed-in retries, rows alike."""
