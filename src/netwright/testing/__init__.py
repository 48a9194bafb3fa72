"""Tools for testing user-defined strategies and executors: contracts, a virtual clock, simulated searches."""
