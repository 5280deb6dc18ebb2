"""A trained learner put to use: packaged, opened, asked."""
