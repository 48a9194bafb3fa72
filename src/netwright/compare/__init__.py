"""Comparison of strategies: equal budgets, several seeds, statistics with intervals."""
