"""Random numbers: seeding the generators of a program, and seeing which nobody seeded."""
