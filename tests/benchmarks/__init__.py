"""That the benchmarks work; how fast, `make bench` tells."""
