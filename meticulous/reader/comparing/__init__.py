"""Two experiments beside each other: what differs, and what explains a result."""
