"""What is the length of JimmyAI's own: its routes as models, and its library of assets."""
