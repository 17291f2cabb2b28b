"""How the vendors' answers are read, by one rule for all: created jobs, looks, refusals, links, ids."""
