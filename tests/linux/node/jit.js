// Code that V8 makes: functions that run often enough for each of its compilers, and again after they
// had to be given up; WebAssembly; both in a worker; what is made after what was made was thrown away.
const { Worker, isMainThread, parentPort } = require('worker_threads');

function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function add(a, b) {
  return a + b;
}

function often() {
  let sum = 0;
  for (let i = 0; i < 300000; i++) sum = add(sum, i % 7);
  let text = '';
  for (let i = 0; i < 30000; i++) text = add(text, 'x'); // other types: not what it was compiled for
  for (let i = 0; i < 300000; i++) sum = add(sum, 0.5);
  return [sum, text.length, fib(24)].join(' ');
}

// (memory (export "m") 1 4) (func (export "fill") (param $n i32) (param $v i32) (result i32) …):
// v into the first n words, from the last one down; their sum
const bytes = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 5, 4, 1, 1, 1, 4, 7, 12, 2, 1, 109, 2,
  0, 4, 102, 105, 108, 108, 0, 0, 10, 43, 1, 41, 1, 1, 127, 3, 64, 32, 0, 65, 1, 107, 34, 0, 65, 2, 116, 32, 1,
  54, 2, 0, 32, 2, 32, 0, 65, 2, 116, 40, 2, 0, 106, 33, 2, 32, 0, 13, 0, 11, 32, 2, 11]);

function wasm() {
  const said = [];
  const { m, fill } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  for (let i = 1; i < 400; i++) said[0] = fill(i, 3);
  said.push(new Int32Array(m.buffer).filter(word => word === 3).length);
  try { fill(1 << 20, 1); } catch (error) { said.push(error.name, error.message); }
  said.push(m.grow(2), m.buffer.byteLength, fill(40000, 2));
  try { m.grow(9); } catch (error) { said.push(error.name); }
  return said.join(' ');
}

function made() {
  const functions = [];
  for (let i = 0; i < 300; i++) functions.push(new Function('a', `let s = 0; for (let k = 0; k < 300; k++) s += a * ${i}; return s;`));
  return functions.reduce((sum, one) => sum + one(1), 0);
}

if (!isMainThread) {
  parentPort.postMessage([often(), wasm(), made()].join(' '));
} else {
  console.log(often());
  console.log(wasm());
  for (let i = 0; i < 3; i++) console.log(made());
  console.log(/^(a+)+b$/.test('aaaaaaaaaaaaaaab'), 'x'.repeat(5000).replace(/x{1,3}/g, 'y').length);
  new Worker(__filename, { resourceLimits: { codeRangeSizeMb: 32 } }).on('message', text => {
    console.log(text);
    const server = require('http').createServer((request, response) => response.end('fetched'));
    server.listen(0, '127.0.0.1', async () => {
      console.log(await (await fetch(`http://127.0.0.1:${server.address().port}`)).text());
      server.close();
      server.closeAllConnections();
    });
  });
}
