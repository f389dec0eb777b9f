"""Does this view count? Pure functions over plain values: requests, robots, consent, repeats."""
