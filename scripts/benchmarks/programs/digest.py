"""Hash a file as the end of a run does: `digest.py FILE`."""

import sys

from meticulous.folder.hashing import sha256_of

print(sha256_of(sys.argv[1]))
