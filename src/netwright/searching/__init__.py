"""A run from its first trial to its last: the search without input or output, its loop, store, results."""
