"""Runs one step of ``support.crash_steps`` in this process: ``python -m support.crash_one STEP FOLDER [JSON]``."""

from __future__ import annotations

import json
import os
import sys

from support.crash_steps import STEPS

if __name__ == "__main__":
    STEPS[sys.argv[1]](sys.argv[2], **json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}"))
    os._exit(0)  # without the interpreter's own ending, which would write caches and coverage
