"""Choose experiments by what a person writes: conditions, filters, times, tags."""
