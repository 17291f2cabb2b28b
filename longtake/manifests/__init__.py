"""From a table of prompts to checked rows, and from results back to tables. pandas lives here only.

`reader` turns a file into a `Manifest`, `checker` that into rows and violations, `writer` results into tables. Import
from the modules: this package imports nothing by itself.
"""
