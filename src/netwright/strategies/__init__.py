"""Who chooses: one file per way of searching, all with propose / observe / state / restore."""
