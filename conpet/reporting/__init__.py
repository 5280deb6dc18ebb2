"""From metrics to tables, figures and a page. Nothing here needs torch."""
