"""Time one way to read an experiments directory, without the imports: plain, table or frame."""

import os
import sys
import time

answer, way, directory = sys.argv[1:4]
FILES = ("STATUS", "metadata.json", "args.json", "default_args.json", "summary.json")


def plain():
    """Open, read and decode the files that a record is made of, in one loop."""
    read = 0
    for name in os.listdir(directory):
        for file_name in FILES:
            try:
                with open(f"{directory}/{name}/{file_name}", "rb") as file:
                    data = file.read()
            except OSError:
                continue
            if file_name != "STATUS":
                orjson.loads(data)
            read += file_name == "STATUS"
    return read


def stat():
    """Ask for the times and sizes of the same files, which is the least that a check takes."""
    read = 0
    for name in os.listdir(directory):
        for file_name in FILES:
            try:
                os.stat(f"{directory}/{name}/{file_name}")
            except OSError:
                continue
            read += file_name == "STATUS"
    return read


def table():
    """Read all experiments as columns."""
    return len(read_table(directory))


def frame():
    """Read all experiments as a DataFrame."""
    return len(to_frame(read_table(directory)))


if way == "plain":
    import orjson
elif way != "stat":
    from meticulous.reader.index import read_table
    from meticulous.reader.index.assembling import table_of  # noqa: F401 - before the clock runs
if way == "frame":
    from meticulous.reader.frame import to_frame
started = time.perf_counter()
rows = globals()[way]()
seconds = time.perf_counter() - started
with open(answer, "w") as file:
    file.write(f"{rows} {seconds!r}")
