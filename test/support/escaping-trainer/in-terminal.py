"""Becomes the program of its arguments in a session of its own, with a terminal that controls it: as a worker is that somebody starts
by hand. Both ends stay open, for the terminal lasts as long as its master does.
"""

import fcntl
import os
import pty
import sys
import termios

master, slave = pty.openpty()
os.setsid()
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
os.set_inheritable(master, True)
os.execv(sys.argv[1], sys.argv[1:])
