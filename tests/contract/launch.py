"""Starts a program with listening sockets, as systemd does: ``python launch.py FD[,FD]... COMMAND [ARGUMENT]...``.

The program's process is this one. It finds the sockets at the descriptors 3, 4 and so on, and LISTEN_PID, LISTEN_FDS
and LISTEN_FDNAMES in its environment (sd_listen_fds(3)).
"""

import fcntl
import os
import sys

FIRST = 3


def main() -> None:
    given = [int(each) for each in sys.argv[1].split(",")]
    # Out of the way first: a descriptor that is given may be the number of another one.
    kept = [fcntl.fcntl(each, fcntl.F_DUPFD, FIRST + len(given)) for each in given]
    for each in given:
        os.close(each)
    for number, each in enumerate(kept, FIRST):
        os.dup2(each, number)
        os.close(each)
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": "test"}
    os.execvpe(sys.argv[2], sys.argv[2:], {**os.environ, **environment})


if __name__ == "__main__":
    main()
