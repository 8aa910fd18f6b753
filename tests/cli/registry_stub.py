"""A registry that misbehaves, for tests: registry_stub.py LAYOUT DIR

Serves the image of the OCI layout LAYOUT under any name and tag. The first part of the repository's name says how:
see the class below; "ok" is as a registry should. DIR/port and DIR/other hold the numbers of its two ports on the
loopback address: the second one is another host to whoever pulls. Every request is a line in DIR/log: port, method,
path, Authorization, Range. It ends with its parent.
"""
import base64
import ctypes
import hashlib
import http.server
import json
import os
import signal
import sys
import threading

LAYOUT, DIR = sys.argv[1:3]
PARENT = os.getppid()
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != PARENT:
    sys.exit(1)

BASIC = "Basic " + base64.b64encode(b"user:secret").decode()
TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
lock = threading.Lock()
seen = {}  # how often each path was asked for


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[1]), "rb") as file:
        return file.read()


def wanted():
    with open(os.path.join(LAYOUT, "index.json"), encoding="utf-8") as file:
        return json.load(file)["manifests"][0]


class Stub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def note(self):
        headers = [self.headers.get(name, "-") for name in ("Authorization", "Range")]
        with lock:
            seen[self.path] = seen.get(self.path, 0) + 1
            self.nth = seen[self.path]
            with open(os.path.join(DIR, "log"), "a", encoding="utf-8") as log:
                print(self.server.server_port, self.command, self.path, *headers, file=log)

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, code, **headers):
        error = {"errors": [{"code": code.upper().replace(" ", "_"), "message": code}]}
        self.answer(status, json.dumps(error).encode(), **headers)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 65536)
        except OSError:
            pass
        self.close_connection = True

    def serve(self, data, kind):
        """With ranges, as it should be."""
        start = 0
        if self.headers.get("Range", "").startswith("bytes="):
            start = int(self.headers["Range"][6:].rstrip("-"))
        if start >= len(data) > 0:
            return self.refuse(416, "range invalid")
        if start:
            where = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.answer(206, data[start:], Content_Type=kind, Content_Range=where)
        return self.answer(200, data, Content_Type=kind)

    def base(self, port=None):
        return f"http://127.0.0.1:{port or self.server.server_port}"

    # --- requests ---------------------------------------------------------------------------------------------------
    def do_GET(self):
        self.note()
        parts = self.path.split("/")
        if self.path.startswith("/token-elsewhere"):
            return self.answer(302, Location=self.base(self.server.other) + "/token")
        if self.path.startswith("/token"):
            if "nologin" not in self.path and self.headers.get("Authorization") != BASIC:
                return self.refuse(401, "wrong password")
            return self.answer(200, json.dumps({"token": "the-token"}).encode())
        if self.path == "/v2/":
            return self.answer(200, b"{}")
        if len(parts) < 6 or parts[1] != "v2":
            return self.refuse(404, "page not found")
        how, what, name = parts[2], parts[-2], parts[-1]
        refused = getattr(self, "access_" + how.replace("-", "_"), None)
        if refused and refused():
            return None
        special = getattr(self, f"{what}_{how.replace('-', '_')}", None)
        if special:
            return special(name)
        return self.manifests(name) if what == "manifests" else self.serve(blob(name), "application/octet-stream")

    # --- what is pushed: taken, and thrown away -----------------------------------------------------------------------
    def how(self):
        return self.path.split("/")[2] if self.path.count("/") > 2 else ""

    def do_HEAD(self):
        self.note()
        self.answer(404)

    def do_POST(self):
        self.note()
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.how() == "up-denied":
            return self.refuse(403, "only for members")
        if self.how() == "up-nowhere":
            return self.answer(202)
        if self.how() == "up-login" and self.access_basic():
            return None
        where = self.base(self.server.other) if self.how() == "up-login" else ""
        return self.answer(202, Location=where + self.path.split("?")[0] + "the-upload?state=a%20b")

    def do_PUT(self):
        self.note()
        data = self.rfile.read(int(self.headers["Content-Length"]))
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if "/manifests/" in self.path:
            told = "sha256:" + 64 * "0" if self.how() == "up-lies" else digest
            return self.answer(201, Docker_Content_Digest=told)
        if self.how() == "up-flaky" and self.nth == 1:
            return self.refuse(503, "try again")
        if not self.path.endswith("?state=a%20b&digest=" + digest.replace(":", "%3A")):
            return self.refuse(400, "digest invalid")
        return self.answer(201)

    def manifests(self, name):
        digest = name if name.startswith("sha256:") else wanted()["digest"]
        return self.answer(200, blob(digest), Content_Type=TYPE, Docker_Content_Digest=digest)

    # --- who may ----------------------------------------------------------------------------------------------------
    def access_basic(self):
        if self.headers.get("Authorization") != BASIC:
            self.refuse(401, "authentication required", WWW_Authenticate='Basic realm="here"')
            return True
        return False

    def demand(self, token, realm):
        if self.headers.get("Authorization") == "Bearer " + token:
            return False
        scope = "repository:" + "/".join(self.path.split("/")[2:-2]) + ":pull"
        self.refuse(401, "authentication required",
                    WWW_Authenticate=f'Bearer realm="{realm}",service="the stub",scope="{scope}"')
        return True

    def access_token(self):
        return self.demand("the-token", self.base() + "/token")

    def access_token_elsewhere(self):
        return self.demand("the-token", self.base() + "/token-elsewhere")

    def access_anonymous(self):
        return self.demand("the-token", self.base() + "/token?nologin=1")

    def access_loop401(self):
        return self.demand("another token", self.base() + "/token?nologin=1")

    def access_realm_http(self):
        return self.demand("the-token", "http://tokens.example/token")

    def access_realm_file(self):
        return self.demand("the-token", "file:///etc/passwd")

    def access_flaky(self):
        if self.nth > 1:
            return False
        self.refuse(503, "try again")
        return True

    def access_limited(self):
        self.refuse(429, "too many pulls")
        return True

    def access_denied(self):
        self.refuse(403, "denied\r\nhere")
        return True

    # --- manifests --------------------------------------------------------------------------------------------------
    def manifests_badjson(self, _):
        self.answer(200, b'{"schemaVersion": 2,', Content_Type=TYPE)

    def manifests_html(self, _):
        self.answer(200, b"<html>Welcome to the hotel</html>", Content_Type="text/html")

    def manifests_big(self, _):
        self.answer(200, b'{"x": "' + b"x" * (5 << 20) + b'"}', Content_Type=TYPE)

    def manifests_endless(self, _):
        self.endless()

    def manifests_old(self, _):
        self.answer(200, b'{"schemaVersion": 1, "name": "x"}',
                    Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws")

    def manifests_lies(self, _):
        self.answer(200, blob(wanted()["digest"]), Content_Type=TYPE, Docker_Content_Digest="sha256:" + 64 * "0")

    def manifests_both(self, _):
        doc = json.loads(blob(wanted()["digest"]))
        doc["manifests"] = [{"mediaType": TYPE, "digest": wanted()["digest"], "size": 1}]
        self.answer(200, json.dumps(doc).encode(), Content_Type=TYPE)

    def manifests_manysizes(self, _):
        doc = json.loads(blob(wanted()["digest"]))
        doc["layers"] = doc["layers"][:1]
        self.answer(200, json.dumps(doc).encode(), Content_Type=TYPE)

    def manifests_huge(self, _):
        doc = json.loads(blob(wanted()["digest"]))
        doc["layers"][1]["size"] = 1 << 50
        self.answer(200, json.dumps(doc).encode(), Content_Type=TYPE)

    def manifests_urls(self, _):
        doc = json.loads(blob(wanted()["digest"]))
        layer = doc["layers"][0]
        layer["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        layer["urls"] = [self.base(self.server.other) + "/foreign"]
        self.answer(200, json.dumps(doc).encode(), Content_Type=TYPE)

    def manifests_index(self, name):
        """Two platforms, the second one is right."""
        if name.startswith("sha256:"):
            return self.manifests(name)
        right = wanted()
        other = {"mediaType": TYPE, "digest": "sha256:" + 64 * "1", "size": 10,
                 "platform": {"os": "linux", "architecture": "s390x"}}
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "unknown")
        mine = {"mediaType": TYPE, "digest": right["digest"], "size": right["size"],
                "platform": {"os": "linux", "architecture": machine}}
        return self.answer(200, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [other, mine]}).encode(),
                           Content_Type=INDEX)

    def manifests_nested(self, name):
        """An index in an index in ...: each differs, as its digest must."""
        depth = int(name) if name.isdigit() else 0
        inner = self.nest(6 - depth)
        self.answer(200, inner, Content_Type=INDEX)

    def nest(self, depth):
        doc = b"{}"
        for level in range(depth):
            digest = hashlib.sha256(doc).hexdigest()
            with open(os.path.join(LAYOUT, "blobs/sha256", digest), "wb") as file:
                file.write(doc)
            doc = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
                {"mediaType": INDEX, "digest": "sha256:" + digest, "size": len(doc)}]}).encode()
        if depth == 6:
            self.manifests_nested = self.manifests
        return doc

    # --- blobs ------------------------------------------------------------------------------------------------------
    def is_layer(self, name):
        return any(layer["digest"] == name for layer in json.loads(blob(wanted()["digest"]))["layers"])

    def usual(self, name):
        return self.serve(blob(name), "application/octet-stream")

    def blobs_cut(self, name):
        """Half of what is asked for, and then nothing more, twice."""
        data = blob(name)
        if not self.is_layer(name) or self.nth > 2:
            return self.usual(name)
        start = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        rest = data[start:]
        if start:
            self.answer(206, rest[:len(rest) // 2], len(rest), Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.answer(200, rest[:len(rest) // 2], len(rest))
        self.close_connection = True
        return None

    def blobs_always_cut(self, name):
        data = blob(name)
        if not self.is_layer(name):
            return self.usual(name)
        self.answer(200, data[:len(data) // 2], len(data))
        self.close_connection = True
        return None

    def blobs_slow(self, name):
        """Half of it, and the rest never."""
        data = blob(name)
        if not self.is_layer(name):
            return self.usual(name)
        self.answer(200, data[:len(data) // 2], len(data))
        self.wfile.flush()
        threading.Event().wait(600)
        return None

    def blobs_norange(self, name):
        data = blob(name)
        if self.is_layer(name) and self.nth == 1:
            return self.blobs_always_cut(name)
        return self.answer(200, data)

    def blobs_otherrange(self, name):
        data = blob(name)
        if not self.is_layer(name):
            return self.usual(name)
        if "Range" not in self.headers:
            return self.blobs_always_cut(name)
        return self.answer(206, data[1:], Content_Range=f"bytes 1-{len(data) - 1}/{len(data)}")

    def blobs_wrong(self, name):
        data = blob(name)
        if self.is_layer(name):
            data = bytes([data[0] ^ 1]) + data[1:]
        return self.serve(data, "application/octet-stream")

    def blobs_wrongconfig(self, name):
        data = blob(name)
        if not self.is_layer(name):
            data = data.replace(b"linux", b"Linux")
        return self.serve(data, "application/octet-stream")

    def blobs_short(self, name):
        data = blob(name)
        return self.answer(200, data[:-1] if self.is_layer(name) else data)

    def blobs_long(self, name):
        data = blob(name)
        return self.answer(200, data + b"x" if self.is_layer(name) else data)

    def blobs_endless(self, name):
        return self.endless() if self.is_layer(name) else self.usual(name)

    def blobs_understated(self, name):
        data = blob(name)
        return self.answer(200, data, len(data) - 7) if self.is_layer(name) else self.usual(name)

    def blobs_loop(self, _):
        self.answer(307, Location=self.path)

    def blobs_nowhere(self, _):
        self.answer(307)

    def blobs_tofile(self, _):
        self.answer(307, Location="file:///etc/passwd")

    def blobs_touser(self, _):
        self.answer(307, Location=f"http://user@127.0.0.1:{self.server.other}/x")

    def blobs_basic(self, name):
        """To another host: that of a store behind the registry."""
        self.answer(307, Location=f"{self.base(self.server.other)}/v2/ok/x/blobs/{name}")

    blobs_token = blobs_basic

    def blobs_urls(self, name):
        return self.refuse(404, "blob unknown") if self.is_layer(name) else self.usual(name)


def main():
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *ignored):
            pass

    servers = [Server(("127.0.0.1", 0), Stub) for _ in range(2)]
    for server, other, name in zip(servers, reversed(servers), ("port", "other")):
        server.other = other.server_port
        with open(os.path.join(DIR, name + ".new"), "w", encoding="utf-8") as file:
            print(server.server_port, file=file)
        os.rename(os.path.join(DIR, name + ".new"), os.path.join(DIR, name))
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    servers[0].serve_forever()


main()
