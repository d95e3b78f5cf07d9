// A function for mayfly: an ordinary web server, which listens on $PORT.
const http = require('http');

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const name = query.get('name') ?? (Buffer.concat(parts).toString() || process.env.GREET);
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`hello, ${name}\n`);
  });
});

server.listen(process.env.PORT);
