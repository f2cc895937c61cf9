"""The kinds of values: what each accepts, how it is read from a text, and how it is written."""
