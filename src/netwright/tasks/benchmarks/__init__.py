"""Benchmarks: tables of trained architectures, which replace training by a lookup."""
