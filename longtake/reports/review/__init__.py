"""What people review: the takes there are to choose from, what waits and at which price, and their decisions taken."""
