"""Long trials of the whole workflow, run by hand: `python -m tests.campaigns.NAME --help`."""
