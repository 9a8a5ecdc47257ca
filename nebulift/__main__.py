"""``python -m nebulift`` is the ``nebulift`` command."""

from nebulift.cli import main

main()
