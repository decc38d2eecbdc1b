"""The demonstration: sample feeds on loopback, through the whole line to a digest."""
