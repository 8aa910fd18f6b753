#!/usr/bin/python3
"""screen ROWSxCOLUMNS STEP... -- COMMAND...: COMMAND in front of a terminal, by pyte.

Steps, one after the other; what does not come within 60 seconds ends all with status 99:
  wait:TEXT  until that is on the screen        gone:TEXT  until it is not
  send:TEXT  keys, with Python's escapes        size:ROWSxCOLUMNS
  kill:NAME  a signal to COMMAND                ends       until COMMAND has ended
  show       prints the screen, a line for each row, and "--" behind it, once nothing more comes and COMMAND waits
  run:WORDS  a shell command, beside it
Then "attributes: kept" or "changed", "screen: given back" or "kept" (the other one of the terminal), "cursor: shown" or
"hidden", "colours: used" or "none", and "status: N", -N for a signal.
"""
import codecs, fcntl, os, pty, re, select, signal, struct, subprocess, sys, termios, time
import pyte

SECONDS = 60


class Screen(pyte.Screen):
    """With what pyte has not, and a terminal has: SU, SD and REP."""
    last = " "

    def draw(self, data):
        super().draw(data)
        self.last = data[-1:] or self.last

    def at_edge(self, edge, move, count):
        row, margins = self.cursor.y, self.margins or (0, self.lines - 1)
        self.cursor.y = margins[edge]
        for _ in range(count or 1):
            move()
        self.cursor.y = row

    def scroll_up(self, count=None):
        self.at_edge(1, self.index, count)

    def scroll_down(self, count=None):
        self.at_edge(0, self.reverse_index, count)

    def repeat(self, count=None):
        self.draw(self.last * (count or 1))


class Stream(pyte.ByteStream):
    csi = dict(pyte.ByteStream.csi, S="scroll_up", T="scroll_down", b="repeat")
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down", "repeat"}


class Terminal:
    def __init__(self, size, command):
        rows, columns = map(int, size.split("x"))
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        self.written = b""
        self.status = None
        self.master, slave = pty.openpty()
        self.resize(size)
        self.before = termios.tcgetattr(slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(slave, fd)
            os.closerange(3, 256)
            os.execvp(command[0], command)
        self.slave = slave

    def resize(self, size):
        rows, columns = map(int, size.split("x"))
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What is there, or comes meanwhile; whether anything did."""
        came = False
        while select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            came = True
            self.written += data
            self.stream.feed(data)
            seconds = 0
        return came

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def has_ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def waits(self):
        """What has the terminal does, and is not about to be given the CPU to go on drawing."""
        try:
            with open(f"/proc/{os.tcgetpgrp(self.master)}/stat", encoding="utf-8", errors="replace") as stat:
                return stat.read().rpartition(")")[2].split()[0] not in "RD"
        except OSError:
            return True

    def until(self, what, is_so):
        end = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > end:
                print(f"not within {SECONDS} s: {what}; the screen:\n{self.text()}", file=sys.stderr)
                if not self.has_ended():
                    os.kill(self.pid, signal.SIGKILL)
                sys.exit(99)
            self.read(0.02)

    def step(self, step):
        verb, _, word = step.partition(":")
        if verb == "wait":
            self.until(step, lambda: word in self.text())
        elif verb == "gone":
            self.until(step, lambda: word not in self.text())
        elif verb == "send":
            os.write(self.master, codecs.escape_decode(word.encode())[0])
        elif verb == "size":
            self.resize(word)
        elif verb == "kill":
            os.kill(self.pid, getattr(signal, "SIG" + word))
        elif verb == "ends":
            self.until(step, self.has_ended)
        elif verb == "run":
            subprocess.run(word, shell=True, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        elif verb == "show":
            while self.read(0.2) or not self.waits():  # what has been begun is drawn to its end
                pass
            print(self.text() + "\n--")
        else:
            sys.exit(f"unknown step '{step}'")

    def report(self):
        self.until("its end", self.has_ended)
        self.read(0)
        kept = termios.tcgetattr(self.slave) == self.before
        other = self.written.rfind(b"\x1b[?1049h") > self.written.rfind(b"\x1b[?1049l")
        hidden = self.written.rfind(b"\x1b[?25l") > self.written.rfind(b"\x1b[?25h")
        print("attributes:", "kept" if kept else "changed")
        print("screen:", "kept" if other else "given back")
        print("cursor:", "hidden" if hidden else "shown")
        print("colours:", "used" if re.search(rb"\x1b\[([0-9;]*;)?[34][0-7](;|m)", self.written) else "none")
        print("status:", self.status)


words = sys.argv[1:]
at = words.index("--")
terminal = Terminal(words[0], words[at + 1:])
for step in words[1:at]:
    terminal.step(step)
terminal.report()
