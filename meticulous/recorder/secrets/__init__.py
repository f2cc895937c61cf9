"""The gate that keeps secrets out of the record."""
