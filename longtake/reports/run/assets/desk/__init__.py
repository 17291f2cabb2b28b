"""The page's desk, where a person compares takes and chooses; `page.py` puts its styles and scripts into the page."""
