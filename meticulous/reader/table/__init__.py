"""Many experiments as one table: named columns, their order, groups and forms."""
