"""Strategies side by side: equal budgets, several seeds, statistics with intervals."""
