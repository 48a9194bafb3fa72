"""The search strategies, one file each, all with propose / observe / state / restore."""
