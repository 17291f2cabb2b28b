"""Where it runs: blocks and automations on a server, everything on one machine, production."""
