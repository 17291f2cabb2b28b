"""Routes beside the generations: file hosts, asset libraries and balances, one file per vendor."""
