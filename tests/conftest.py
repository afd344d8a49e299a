"""Settings for all tests."""

import os
import signal

# A shell starts background jobs with SIGINT ignored, and every program that the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs that the tests start should print only what the tests expect. The access log has its own tests.
os.environ["PROAPI_ACCESS_LOG"] = "off"
