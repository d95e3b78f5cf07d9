"""sinks.py: servers of a test's own that take what the node sends: HTTP, HTTPS, broken ones; and
one that functions wait for."""
import http.server
import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse


class Sink:
    """An HTTP server that keeps every request. What it answers is by its path:
    /status/N, /bytes/N, /head/N (headers), /line/N (one header of N bytes), /redirect?URL,
    /slow (never), /drip (a byte each 100 ms), /echo (headers and body), /raw/HEX (as they are)."""

    def __init__(self, host='127.0.0.1', context=None, port=0, answer=None):
        self.got, self.lock = [], threading.Lock()
        self.connections = 0
        self.answer = answer or (lambda request: (200, b'ok'))
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            disable_nagle_algorithm = True

            def setup(self):
                with sink.lock:
                    sink.connections += 1
                super().setup()

            def log_message(self, *args):
                pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                request = {'method': self.command, 'path': self.path, 'body': body,
                           'headers': {k.lower(): v for k, v in self.headers.items()},
                           'list': self.headers.items(), 'at': time.monotonic()}
                with sink.lock:
                    sink.got.append(request)
                sink.reply(self, request)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = handle_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            address_family = socket.AF_INET6 if ':' in host else socket.AF_INET

            def handle_error(self, request, client_address):
                pass

            def get_request(self):
                sock, address = super().get_request()
                if context:
                    sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                return sock, address

        self.server = Server((host, port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.02},
                                       daemon=True)
        self.thread.start()

    def reply(self, handler, request):
        kind, _, value = request['path'][1:].partition('/')
        status, body, headers = 200, b'ok', []
        if kind == 'status':
            status = int(value)
            body = b'status'
        elif kind == 'bytes':
            body = b'x' * int(value)
        elif kind == 'head':
            headers = [(f'x-{i}', 'y') for i in range(int(value))]
        elif kind == 'line':
            headers = [('x-long', 'y' * int(value))]
        elif request['path'].startswith('/redirect?'):
            status, headers = 302, [('location', request['path'][10:])]
        elif kind == 'slow':
            time.sleep(30)
        elif kind == 'drip':
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b'x')
                    time.sleep(0.1)
            except OSError:
                return
        elif kind == 'echo':
            headers = [('x-echo-' + k, v) for k, v in request['list'] if k.lower().startswith('x-')]
            body = repr(request['list']).encode() + request['body']
        elif kind == 'raw':
            handler.wfile.write(bytes.fromhex(value))
            handler.close_connection = True
            return
        else:
            status, body = self.answer(request)
        if status == 0: # hang up
            handler.close_connection = True
            return
        handler.send_response(status)
        for name, text in headers:
            handler.send_header(name, text)
        handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        if request['method'] != 'HEAD':
            handler.wfile.write(body)

    def url(self, path='/', host='127.0.0.1', scheme='http'):
        return f'{scheme}://{host}:{self.port}{path}'

    def taken(self):
        with self.lock:
            return list(self.got)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Gate(Sink):
    """What a function waits for: an event with this path at `trouble` is under way until the gate is
    opened, however slow the machine. SETTINGS are those that the function needs for it."""

    def __init__(self):
        self.opened = threading.Event()
        super().__init__(answer=lambda request: (self.opened.wait(600), (200, b'open'))[1])
        self.settings = {'allow': {'http': [f'127.0.0.1:{self.port}']}, 'timeout_ms': 600000}
        self.path = 'hold?n=1&url=' + urllib.parse.quote(self.url('/hold'))

    def held(self):
        """How many have come to it, those included that have gone on."""
        return len(self.taken())

    def open(self):
        self.opened.set()

    def close(self):
        self.open()
        super().close()


class Hole:
    """Accepts connections, and reads nothing of them."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                self.connections.append(self.listener.accept()[0])
        except OSError:
            return

    def url(self, path='/'):
        return f'http://127.0.0.1:{self.port}{path}'

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


def unused_port():
    """A port that nobody listens on; none that the kernel gives to others meanwhile."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


class Certificates:
    """A CA of the test's own, and certificates: NAME.pem, NAME.key in a folder."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='mf-tls-')
        self.openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test CA',
                     '-keyout', self.path('ca.key'), '-out', self.path('ca.pem'))

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments):
        subprocess.run(['openssl', *arguments], check=True, capture_output=True)

    def make(self, name, names='DNS:localhost,IP:127.0.0.1', days='2', key='ec'):
        kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] if key == 'ec' else \
            ['-newkey', 'rsa:2048']
        with open(self.path(name + '.ext'), 'w') as file:
            file.write('subjectAltName=' + names + '\n')
        self.openssl('req', *kind, '-nodes', '-subj', '/CN=' + name, '-keyout', self.path(name + '.key'),
                     '-out', self.path(name + '.csr'))
        self.openssl('x509', '-req', '-in', self.path(name + '.csr'), '-CA', self.path('ca.pem'), '-CAkey',
                     self.path('ca.key'), '-CAcreateserial', '-days', days, '-extfile',
                     self.path(name + '.ext'), '-out', self.path(name + '.pem'))
        os.chmod(self.path(name + '.key'), 0o600)
        return self

    def server(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + '.pem'), self.path(name + '.key'))
        return context

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
