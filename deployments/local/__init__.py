"""Everything on one machine, on loopback: `python -m deployments.local` starts server, sandbox and worker."""
