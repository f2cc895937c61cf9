"""One module per command; each parses, asks the package, and prints."""
