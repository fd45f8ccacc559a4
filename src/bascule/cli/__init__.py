"""The command line: parses, calls a journey, prints. Data to stdout, talk and progress to stderr.

Exit codes: 0 granted, clean or verified; 1 refused, findings or not verified; 2 could not tell, unreadable input or
wrong usage; 130 interrupted. A crash is a bug and exits with 2, because it could not tell.
"""

from bascule.cli.app import main

__all__ = ["main"]
