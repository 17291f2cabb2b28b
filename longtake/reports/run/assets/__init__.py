"""The page's template, styles and scripts; `page.py` puts them into one file."""
