"""http.server and socketserver with their clients, in threads of one process."""
import concurrent.futures
import http.client
import http.server
import os
import pathlib
import socket
import socketserver
import tempfile
import threading
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        answer = b'%s %d' % (self.path.encode(), len(body))
        self.send_response(201)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format, *args):
        pass


def ask(port, path, bytes):
    connection = http.client.HTTPConnection('127.0.0.1', port)
    connection.request('POST', path, b'x' * bytes)
    answer = connection.getresponse()
    return answer.status, answer.read()


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
for bytes in (0, 1000, 1 << 20):
    print(ask(port, '/a', bytes))
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(len({ask for ask in pool.map(lambda i: ask(port, '/%d' % i, i), range(40))}))
with socket.create_connection(('127.0.0.1', port)) as raw:
    raw.sendall(b'nonsense\r\n\r\n')
    print(raw.makefile('rb').read()[:60])
server.shutdown()
server.server_close()

with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, 'page.html').write_text('<p>' * 1000)
    os.chdir(folder)
    with socketserver.TCPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler) as files:
        files.RequestHandlerClass.log_message = lambda *all: None
        threading.Thread(target=files.serve_forever, daemon=True).start()
        base = 'http://127.0.0.1:%d/' % files.server_address[1]
        with urllib.request.urlopen(base + 'page.html') as page:
            print(page.headers['Content-Type'], len(page.read()))
        print(b'page.html' in urllib.request.urlopen(base).read())
        try:
            urllib.request.urlopen(base + 'none')
        except urllib.error.HTTPError as error:
            print(error.code)
        files.shutdown()
    os.chdir('/')
