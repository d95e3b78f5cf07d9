"""main.py OWN [--passed]: hello in Python, with http.server; see ../node/main.js."""
import http.server
import os
import re
import socket
import struct
import sys

WORDS, ROUNDS, MASK = 510, 4, (1 << 64) - 1
with open(sys.argv[1], 'rb') as file:
    own = struct.unpack(f'<{WORDS}Q', file.read()[16:])


def answer(x):
    for _ in range(ROUNDS):
        x ^= own[x % WORDS]
        x = x * 0x9e3779b97f4a7c15 & MASK
        x ^= x >> 32
    return x


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        nonce = re.search(r'\?n=([0-9a-f]{16})$', self.path)
        body = f'{answer(int(nonce[1], 16)):016x}'.encode() if nonce else b'ok'
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


passed = sys.argv[2:] == ['--passed']
server = http.server.ThreadingHTTPServer(('', int(os.environ.get('PORT', 8080))), Hello, not passed)
if passed:
    server.socket.close()
    server.socket = socket.socket(fileno=3)
server.serve_forever()
