"""What the bench of templates starts: Python with modules that take their time and 100 MiB of data, that answers once.

It answers into the fifo /bench/answer; with the word "wait" it says on its standard output that it is ready, and waits.
"""
import asyncio  # noqa: F401
import decimal
import json
import os
import signal
import ssl
import sys

try:
    import cow_template
except ImportError:  # started plainly
    cow_template = None

DATA = [bytes([65 + n % 26]) * (1 << 20) for n in range(100)]
if cow_template:
    cow_template.ready()
if sys.argv[1:] == ["wait"]:
    os.write(1, b"ready\n")
    signal.pause()
text = json.dumps({
    "mib": len(DATA), "byte": chr(DATA[57][1 << 19]), "tax": str(decimal.Decimal("19.99") * 19 / 100),
    "tls": ssl.OPENSSL_VERSION_INFO[0],
})
with open("/bench/answer", "w") as fifo:
    fifo.write(text + "\n")
os._exit(0)
