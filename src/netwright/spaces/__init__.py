"""What may be chosen: decisions, the programs that ask them, and what can be done with any space. No torch here."""
