// main.js OWN [--passed]: hello in JavaScript. What ../serve/serve.go is to Go: a server on $PORT, or on
// the socket that is passed as descriptor 3; it answers a nonce with the data of its own in the file OWN.
const fs = require('fs');
const http = require('http');

const own = fs.readFileSync(process.argv[2]);
const words = 510n, rounds = 4, mask = (1n << 64n) - 1n;

function answer(nonce) {
  let x = nonce;
  for (let i = 0; i < rounds; i++) {
    x ^= own.readBigUInt64LE(16 + 8 * Number(x % words));
    x = (x * 0x9e3779b97f4a7c15n) & mask;
    x ^= x >> 32n;
  }
  return x;
}

const server = http.createServer((request, response) => {
  const nonce = /\?n=([0-9a-f]{16})$/.exec(request.url);
  response.end(nonce ? answer(BigInt('0x' + nonce[1])).toString(16).padStart(16, '0') : 'ok');
});
server.listen(process.argv[3] === '--passed' ? { fd: 3 } : process.env.PORT);
