"""What users test their own parts with: contracts, a virtual clock, a simulated search."""
