"""Nothing but what all tests stand on."""

import signal

# Started in the background (nohup, a CI runner), this process ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
