"""The libraries of the vendors that have one: uploads, assets and their review, each as its document tells."""
