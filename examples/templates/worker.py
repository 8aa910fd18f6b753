"""A web worker that is slow to start: it makes a catalogue of 150,000 articles, and then answers for it.

    worker.py ADDRESS [WORKERS]

ADDRESS is a port, or the path of a Unix socket. WORKERS are forked as web servers do it, after the catalogue is made;
a template needs none, for `cow fork` makes them, each a container. GET /ID is an article in JSON, with its price and
the tax, and GET / says who answers and with how many articles.
"""
import asyncio
import decimal
import gc
import json
import os
import socket
import ssl  # noqa: F401 (what a worker usually has loaded)
import sys

try:
    import cow_template
except ImportError:  # started plainly
    cow_template = None

TAX = decimal.Decimal("0.19")


def catalogue(n):
    """150,000 of them are some 100 MiB of objects."""
    return {
        number: {
            "name": f"article {number}",
            "price": decimal.Decimal(number % 9999 + 1) / 100,
            "tags": [f"tag {number % 97}", f"shelf {number // 100}"],
        }
        for number in range(n)
    }


def answer(articles, path):
    if path == b"/":
        return {"pid": os.getpid(), "host": socket.gethostname(), "articles": len(articles)}
    article = articles[int(path[1:])]
    return {
        "name": article["name"],
        "price": str(article["price"]),
        "tax": str((article["price"] * TAX).quantize(decimal.Decimal("0.01"))),
        "tags": article["tags"],
    }


async def converse(articles, reader, writer):
    """HTTP as far as it goes here: requests without a body, one after the other."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            try:
                status, body = "200 OK", answer(articles, path)
            except (KeyError, ValueError):
                status, body = "404 Not Found", {"error": "no such article"}
            text = json.dumps(body).encode()
            stays = b"keep-alive" in head.lower()
            writer.write(b"HTTP/1.0 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s" % (
                status.encode(), len(text), b"keep-alive" if stays else b"close", text))
            await writer.drain()
            if not stays:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(articles, address):
    async def client(reader, writer):
        await converse(articles, reader, writer)

    if address.isdigit():  # with others on the same port: the kernel spreads connections over them
        server = await asyncio.start_server(client, port=int(address), reuse_port=True)
    else:
        server = await asyncio.start_unix_server(client, address)
    print("serving", flush=True)
    async with server:
        await server.serve_forever()


def main():
    articles = catalogue(150_000)
    # In a template the call does not return; it does in each fork, whose arguments sys.argv has then.
    if not (cow_template and cow_template.ready()):
        gc.collect()
        gc.freeze()
    address, workers = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    asyncio.run(serve(articles, address))


main()
