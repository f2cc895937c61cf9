"""The only package that talks to git."""
