"""What runs, one flow a file: `plan_manifest`, `render_manifest`, `render_reel`, `reconcile_jobs`.

What the four share begins with `_`.
"""
