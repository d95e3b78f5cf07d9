// A server and its clients in one process: bodies, chunks, many connections, nonsense.
const http = require('http'), net = require('net');
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function chunks(response) {
  let i = 0;
  const timer = setInterval(() => {
    response.write(`chunk ${i++}\n`);
    if (i === 5) {
      clearInterval(timer);
      response.end();
    }
  }, 2);
}

const server = http.createServer((request, response) => {
  if (request.url === '/big') return response.end(Buffer.alloc(3 << 20, 'x'));
  if (request.url === '/chunks') return chunks(response);
  let bytes = 0;
  request.on('data', part => { bytes += part.length; });
  request.on('end', () => {
    response.writeHead(201, { 'X-Mine': 'yes' });
    response.end(`${request.method} ${request.url} ${bytes}`);
  });
});

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const options = { port: server.address().port, host: '127.0.0.1', method, path, agent };
    const request = http.request(options, response => {
      let text = '';
      response.on('data', part => { text += part; });
      response.on('end', () => resolve([response.statusCode, response.headers['x-mine'], text]));
    });
    request.on('error', reject);
    request.end(body);
  });
}

function nonsense() {
  return new Promise(resolve => {
    const socket = net.connect(server.address().port, '127.0.0.1', () => socket.end('nonsense\r\n\r\n'));
    let text = '';
    socket.on('data', part => { text += part; });
    socket.on('close', () => resolve(text.split('\r\n')[0]));
  });
}

server.listen(0, '127.0.0.1', async () => {
  console.log(await ask('GET', '/'));
  console.log(await ask('POST', '/post', Buffer.alloc(1 << 20)));
  console.log((await ask('GET', '/big'))[2].length);
  console.log(await ask('GET', '/chunks'));
  const many = await Promise.all(Array.from({ length: 100 }, (_, i) => ask('GET', `/${i}`)));
  console.log(many.filter((answer, i) => answer[2] === `GET /${i} 0`).length);
  console.log(await nonsense());
  agent.destroy();
  server.close(() => console.log('closed'));
});
