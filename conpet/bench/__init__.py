"""What the suite costs: how fast it is, and how its cost grows with the tasks."""
