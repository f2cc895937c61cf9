"""One experiment on disk: layout, numbering, atomic writing, JSON, STATUS; shared by both sides."""
