"""Raw files, readers, task streams, templates and encoding."""
