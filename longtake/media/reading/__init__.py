"""What a file holds: boxes, clocks, parameter sets, packets, pictures and their colours."""
