"""A function for mayfly: an ordinary web server, which listens on $PORT."""
import http.server
import os
import urllib.parse


class Greeter(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def greet(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        name = query.get('name', [body or os.environ['GREET']])[0]
        answer = f'hello, {name}\n'.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain; charset=utf-8')
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = greet

    def log_message(self, format, *args):
        pass


http.server.HTTPServer(('', int(os.environ['PORT'])), Greeter).serve_forever()
