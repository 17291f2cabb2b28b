"""The run for people: `report.html` with its picture of time, and how it is written anew."""
