"""The surroundings of a reproduction: how they drifted, and the interpreter it runs in."""
