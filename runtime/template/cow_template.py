"""Containers by fork: a warm program waits here, and `cow fork` makes containers of it.

    import cow_template

    DATA = load_all_that_every_container_needs()
    cow_template.ready()        # returns in each fork
    serve(DATA)

`cow template create` puts this module into the container and starts the program as a template. There ready() does
not return: the process waits, and each `cow fork` is a copy of it that does, with a container, arguments, environment
and standard streams of its own. Started in any other way ready() returns False at once: the same program runs plainly.

What a template may not have when it gets ready: threads, open files that are written to, sockets, an event loop. Make
these after ready(). What all forks share by nature: the addresses of all objects, hash(), and whatever the program
has drawn or loaded before, tickets and keys of an ssl.SSLContext among it. See cow(1), section TEMPLATES.
"""
import ctypes
import gc
import os
import sys
import time

__all__ = ["leave", "ready"]

_LIBRARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libcow_template.so")
_ENCODING = sys.getfilesystemencoding()
_ERRORS = sys.getfilesystemencodeerrors()


class _Fork(ctypes.Structure):  # struct cow_fork
    _fields_ = [
        ("argc", ctypes.c_int),
        ("argv", ctypes.POINTER(ctypes.c_char_p)),
        ("envp", ctypes.POINTER(ctypes.c_char_p)),
    ]


class _Hooks(ctypes.Structure):  # struct cow_template_hooks
    _fields_ = [(name, ctypes.c_void_p) for name in ("before", "after_parent", "after_child")]


def ready():
    """Waits as a template. Returns True in each fork, and False where the program is none.

    Why a program cannot be a template is told to whoever creates it, and the program ends.
    """
    if "COW_TEMPLATE_FD" not in os.environ:
        return False
    # The lock of the interpreter stays held in the template for ever: with it let go, each fork would have to wait
    # for a thread that it does not have.
    library, python = ctypes.PyDLL(_LIBRARY), ctypes.pythonapi
    library.cow_template_hooks(ctypes.byref(
        _Hooks(after_child=ctypes.cast(python.PyOS_AfterFork_Child, ctypes.c_void_p))))
    fork = _Fork()
    mixers = _mixers()
    for mix in mixers:  # whatever this makes at its first call is made once, here
        mix(os.urandom(32))
    memories = [(sys.modules[name], forget) for name, forget in _MEMORIES if name in sys.modules]
    enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    # What os.register_at_fork(before=...) has runs once. From here on nothing of Python runs in the template: its
    # memory stays as it is, and no fork pays for it.
    python.PyOS_BeforeFork()
    # The collector writes to each object that it looks at: not to these, from now on.
    gc.freeze()
    _flush()
    failed = library.cow_template_ready(ctypes.byref(fork))
    if failed:
        python.PyOS_AfterFork_Parent()
        gc.unfreeze()
        if enabled:
            gc.enable()
        raise OSError(-failed, os.strerror(-failed), "cow_template_ready")
    _begin(fork, mixers, memories)
    return True


def leave(status=0):
    """Ends a fork: handlers of atexit run and streams are flushed, but no object is taken down.

    An interpreter that ends in the usual way frees what it has, and by that copies what it shared: 100 MiB of small
    objects can take twenty times as long.
    """
    import atexit
    atexit._run_exitfuncs()
    _flush()
    os._exit(status)


# --- in the template ----------------------------------------------------------------------------------------------
def _flush():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _mixers():
    """Functions that mix bytes into the generator of each OpenSSL that is loaded."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        paths = {fields[5].rstrip("\n") for fields in (line.split(None, 5) for line in maps)
                 if len(fields) == 6 and "libcrypto" in os.path.basename(fields[5])}
    mixers = []
    for path in sorted(paths):
        try:
            add = ctypes.PyDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW).RAND_add
        except (OSError, AttributeError):
            continue
        add.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_double)
        add.restype = None
        mixers.append(lambda seed, add=add: add(seed, len(seed), float(len(seed))))
    if not mixers and "_ssl" in sys.modules:  # linked into the interpreter or its module
        mixers.append(lambda seed: sys.modules["_ssl"].RAND_add(seed, float(len(seed))))
    return mixers


# --- in a fork ----------------------------------------------------------------------------------------------------
# Whatever is looked at here is written to, for its references are counted: a fork has some 4 KiB more for each object
# elsewhere. So this goes the short way, past what the standard library has for people.
def _begin(fork, mixers, memories):
    """What the template has left behind becomes the fork's own."""
    for mix in mixers:
        mix(os.urandom(32))
    for module, forget in memories:
        forget(module)
    _take_environment(_words(fork.envp))
    argv = [word.decode(_ENCODING, _ERRORS) for word in _words(fork.argv)]
    # Where none were given these are the template's, its interpreter's options among them: sys.argv is as it should be.
    if argv and argv != getattr(sys, "orig_argv", None):
        sys.argv[:] = argv
    if os.isatty(1) and sys.stdout is sys.__stdout__:
        sys.stdout.reconfigure(line_buffering=True)
    gc.enable()


def _words(array):
    words = []
    while (word := array[len(words)]) is not None:
        words.append(word)
    return words


def _take_environment(words):
    new = {}
    for word in words:
        name, equals, value = word.partition(b"=")
        if name and equals:
            new[name] = value
    old = os.environ._data
    zone = old.get(b"TZ")
    # environ itself is the fork's already.
    old.clear()
    old.update(new)
    if old.get(b"TZ") != zone:
        time.tzset()


def _forget_tempfile(tempfile):
    tempfile._name_sequence = None


def _forget_uuid(uuid):
    # uuid1(): not by the C library's node and sequence, which were drawn in the template.
    uuid._generate_time_safe = uuid._last_timestamp = None
    uuid._node = uuid._random_getnode()


def _forget_multiprocessing(process):
    key = process.AuthenticationString(os.urandom(32))
    process.current_process()._config["authkey"] = key


# What modules of the standard library have drawn once and keep. (random itself has a hook of the interpreter's.)
_MEMORIES = (
    ("tempfile", _forget_tempfile),
    ("uuid", _forget_uuid),
    ("multiprocessing.process", _forget_multiprocessing),
)
