"""Find a Python that is new enough and hand over to install.py. Parses on Python 2.7 and later.

PYTHON=/path/to/python names the interpreter; otherwise the one that runs this file is taken if it
will do, then python3.14 to python3.11 and python3 from PATH.
"""

from __future__ import print_function

import os
import subprocess
import sys

OLDEST = (3, 11)
PROBE = (
    "import sys; v = sys.version_info;"
    "import importlib.util as u; pip = all(u.find_spec(m) for m in ('venv', 'ensurepip'));"
    "print(v[0], v[1], int(pip), getattr(sys, '_base_executable', sys.executable))"
)


def probe(command):
    """Return (major, minor, can make a venv, base interpreter), or None if it does not run."""
    try:
        process = subprocess.Popen([command, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        words = process.communicate()[0].decode("utf-8", "replace").split(None, 3)
    except (OSError, ValueError):
        return None
    if process.returncode or len(words) != 4:
        return None
    return int(words[0]), int(words[1]), words[2] == "1", words[3].strip()


def find():
    """Return the first interpreter that is new enough, preferably one that can make a venv."""
    named = os.environ.get("PYTHON")
    minors = [] if named else range(14, OLDEST[1] - 1, -1)
    second_best = None
    for name in [named or sys.executable] + ["python3.%d" % minor for minor in minors]:
        found = probe(name)
        if found and found[:2] >= OLDEST:
            if found[2]:
                return found[3]
            second_best = second_best or found[3]
    return second_best


def main():
    """Run install.py with a good interpreter, or say in one line what is missing."""
    python = find()
    if python is None:
        tried = os.environ.get("PYTHON") or "%s is %d.%d, and no newer one is on PATH" % (
            (sys.executable,) + sys.version_info[:2]
        )
        need = "error: Python %d.%d or newer is needed" % OLDEST
        print("%s (%s). Name one with: make PYTHON=/path/to/it" % (need, tried), file=sys.stderr)
        return 2
    sys.stdout.flush()
    install = os.path.join(os.path.dirname(os.path.abspath(__file__)), "install.py")
    os.execv(python, [python, "-I", install] + sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
