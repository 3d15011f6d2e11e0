"""Writes SYNTHETIC clips of moving shapes and the table of their sentences: python make_shapes.py [FOLDER] [COUNT] [SEED].

Needs the extra `video`. The clips show nothing real; their sentences are known to be true.
"""

import sys

from ensue.data.video.moving_shapes import write_folder

folder, count, seed = (*sys.argv[1:], *("shapes", "400", "0")[len(sys.argv) - 1 :])
sys.stdout.write(f"{write_folder(folder, int(count), int(seed), side=32)}\n")
