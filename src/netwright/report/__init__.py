"""A run as one self-contained HTML page. plotly is known only here."""
