"""The services on files: ``python -m pipeline``, without broker or database."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
