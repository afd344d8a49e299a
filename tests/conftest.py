"""What holds for all tests."""

import os
import signal

# A shell starts what it runs in the background deaf to Ctrl-C, and so would be every program that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs that the tests start write what the tests ask for; the access log has tests of its own.
os.environ["PROAPI_ACCESS_LOG"] = "off"
