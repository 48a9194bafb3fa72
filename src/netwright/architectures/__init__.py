"""What one network is: plain values with JSON and a fingerprint. No torch here."""
