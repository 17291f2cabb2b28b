"""What the sandbox is sent with an order: references, uploads, assets, and the rules on them."""
