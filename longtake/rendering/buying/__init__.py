"""How a run buys one attempt: its place under the limit, its account and slot, its order and submit."""
