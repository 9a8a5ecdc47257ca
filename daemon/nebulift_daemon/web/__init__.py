"""The review page: a small server for one or two people in front of the ledger that the daemon writes.

``app.py`` puts it together. Every decision goes through ``nebulift_daemon.reviews`` and ``nebulift_daemon.undo``, as
from the terminal; no path ever comes from a browser, frames are named by their number in the ledger.
"""
