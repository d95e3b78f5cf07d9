# http.server and urllib over the loopback, by many threads; asyncio's streams; a pool of threads.
import asyncio
import concurrent.futures
import hashlib
import http.server
import json
import threading
import urllib.error
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        answer = json.dumps({'path': self.path, 'sha256': hashlib.sha256(body).hexdigest()}).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64  # of 5, some are refused when the server is late


server = Server(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = 'http://127.0.0.1:%d' % server.server_address[1]


def post(n):
    request = urllib.request.Request(f'{address}/{n}', data=b'x' * (n * 1000))
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    answers = list(pool.map(post, range(200)))
print(len(answers), answers[7], answers[-1]['path'])
try:
    urllib.request.urlopen(address + '/nothing', timeout=60)
except urllib.error.HTTPError as error:
    print(error.code, error.reason)
server.shutdown()


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def talk(port, n):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    heard = 0
    for i in range(50):
        writer.write(b'line %d of %d\n' % (i, n))
        heard += len(await reader.readline())
    writer.close()
    return heard


async def both():
    listening = await asyncio.start_server(echo, '127.0.0.1', 0)
    port = listening.sockets[0].getsockname()[1]
    heard = await asyncio.gather(*(talk(port, n) for n in range(40)))
    listening.close()
    try:
        await asyncio.wait_for(asyncio.sleep(3600), 0.05)
    except asyncio.TimeoutError:
        print('timeout')
    return sum(heard)


print('heard', asyncio.run(both()))
