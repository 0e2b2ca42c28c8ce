"""``python -m flux.docs [FOLDER]``: write the pages."""

import sys
from pathlib import Path

from flux.docs import write

write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
