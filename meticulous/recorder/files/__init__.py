"""Which files a recorded program reads and writes, and the digests of them and of the record."""
