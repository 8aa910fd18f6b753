"""A token server for Debian's docker-registry: token_server.py DIR

Signs with DIR/token.key, whose certificate is DIR/token.crt; its port is in DIR/port, each request a line in DIR/log.
Whoever has the password gets what is asked for. It ends with its parent.
"""
import base64
import ctypes
import http.server
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse

DIR = sys.argv[1]
PARENT = os.getppid()
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != PARENT:
    sys.exit(1)
LOGIN = "Basic " + base64.b64encode(b"user:secret").decode()


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(service, scopes):
    with open(os.path.join(DIR, "token.crt"), encoding="ascii") as file:
        certificate = "".join(line for line in file.read().split("\n") if "--" not in line)
    now = int(time.time())
    access = [dict(zip(("type", "name", "actions"), scope.split(":"))) for scope in scopes]
    for one in access:
        one["actions"] = one["actions"].split(",")
    head = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
    claims = {"iss": "tester", "sub": "user", "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
              "jti": str(time.time()), "access": access}
    both = text(json.dumps(head).encode()) + b"." + text(json.dumps(claims).encode())
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", os.path.join(DIR, "token.key")], input=both,
                            stdout=subprocess.PIPE, check=True)
    return (both + b"." + text(signed.stdout)).decode()


class Server(http.server.BaseHTTPRequestHandler):
    def log_message(self, *ignored):
        pass

    def do_GET(self):
        with open(os.path.join(DIR, "log"), "a", encoding="utf-8") as log:
            print(self.path, self.headers.get("Authorization", "-"), file=log)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        good = self.headers.get("Authorization") == LOGIN
        body = json.dumps({"token": token(query["service"][0], query.get("scope", []))} if good else
                          {"errors": [{"code": "UNAUTHORIZED", "message": "who is that?"}]}).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.HTTPServer(("127.0.0.1", 0), Server)
with open(os.path.join(DIR, "port.new"), "w", encoding="ascii") as port:
    print(server.server_port, file=port)
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
