# SPDX-License-Identifier: GPL-2.0-or-later
"""mirror_trees DIRECTORY FILES,... SHAPE,...: makes DIRECTORY/source/SHAPE-FILES, and the same in DIRECTORY/copy, with
links to the same files: they have sizes, but no bytes. Half of the files are so old that LIST tells of them the day
only, of the others it tells the minute."""
import os
import sys
import time
from pathlib import Path

DAY = 86400


def make_tree(source, copy, files, in_directory):
    begin = int(time.time()) // DAY * DAY
    for number in range(files):
        if number % in_directory == 0:
            directory = f"directory-{number // in_directory:04}" if in_directory < files else ""
            (source / directory).mkdir(parents=True)
            (copy / directory).mkdir(parents=True)
        name = os.path.join(directory, f"some-report-{number:06}.csv")
        with open(source / name, "wb") as f:
            f.truncate(number * 37 % 100000)
        mtime = begin - (400 if number % 2 else 20) * DAY + number
        os.utime(source / name, times=(mtime, mtime))
        os.link(source / name, copy / name)
    for tree in source, copy:
        for directory, _, _ in os.walk(tree, topdown=False):
            os.utime(directory, times=(begin - 10 * DAY, begin - 10 * DAY))


def main(directory, counts, shapes):
    for count in counts.split(","):
        for shape in shapes.split(","):
            make_tree(*(Path(directory) / side / f"{shape}-{count}" for side in ("source", "copy")), int(count),
                      100 if shape == "wide" else int(count))


main(*sys.argv[1:])
