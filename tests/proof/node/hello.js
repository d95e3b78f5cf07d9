// Numbers, strings, timers and promises in their order, files, hashes, compression, a server and its client.
const crypto = require('crypto'), fs = require('fs'), http = require('http'), zlib = require('zlib');

function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log('hello', fib(20), 2n ** 70n, [3, 1, 2].sort(), 'ä€😀'.normalize('NFD').length);
console.log(crypto.createHash('sha256').update('mayfly').digest('hex'));
console.log(zlib.gunzipSync(zlib.gzipSync('again and '.repeat(1000))).length);
fs.writeFileSync('/tmp/proof.node', 'written');
console.log(fs.readFileSync('/tmp/proof.node', 'utf8'));
fs.unlinkSync('/tmp/proof.node');

setImmediate(() => {
  console.log('immediate');
  setTimeout(() => server.listen(0, '127.0.0.1', ask), 5);
});
process.nextTick(() => console.log('tick'));
Promise.resolve().then(() => console.log('promise'));

const server = http.createServer((request, response) => response.end('heard ' + request.url));
function ask() {
  http.get({ port: server.address().port, path: '/question', agent: false }, response => {
    response.setEncoding('utf8');
    response.on('data', text => console.log(response.statusCode, text));
    response.on('end', () => server.close(() => console.log('closed')));
  });
}
