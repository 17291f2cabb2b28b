"""The run for people: `report.html`, its picture of time, and the terminal's progress display."""
