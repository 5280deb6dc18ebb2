"""Long trials, run by hand: each file says how."""
