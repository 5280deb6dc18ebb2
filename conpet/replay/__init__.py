"""Which samples a task is trained on, in which batches: plans and memories."""
