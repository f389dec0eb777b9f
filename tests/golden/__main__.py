"""``python -m tests.golden`` records every case anew; review the difference before it is kept."""

import subprocess
import sys
import tempfile
from pathlib import Path

if len(sys.argv) == 1:
    with tempfile.TemporaryDirectory() as made:  # the stores of another process live to its end
        sys.exit(
            subprocess.run([sys.executable, "-m", "tests.golden", made], check=False).returncode
        )

from tests.golden.chapters import CASES
from tests.golden.recording import record_all

changed = record_all(Path(sys.argv[1]))
print(f"{len(changed)} of {len(CASES)} records changed.", *changed, sep="\n  ")
