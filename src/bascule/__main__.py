"""`python -m bascule`: the same as the console script."""

import sys

from bascule.cli import main

if __name__ == "__main__":
    sys.exit(main())
