// What V8 and Node bring beside: objects, memory, text, files, signals, datagrams, modules.
const fs = require('fs'), os = require('os'), vm = require('vm');
const { AsyncLocalStorage } = require('async_hooks');

console.log(os.platform(), os.arch(), os.endianness(), os.EOL === '\n');
const folder = fs.mkdtempSync('/tmp/mf-runtime-');

function files() {
  fs.mkdirSync(folder + '/a/b', { recursive: true });
  fs.writeFileSync(folder + '/a/b/f', 'text');
  fs.appendFileSync(folder + '/a/b/f', ' more');
  console.log(fs.readFileSync(folder + '/a/b/f', 'utf8'), fs.statSync(folder + '/a/b/f').size);
  fs.renameSync(folder + '/a/b/f', folder + '/g');
  fs.symlinkSync('g', folder + '/link');
  fs.copyFileSync(folder + '/g', folder + '/h');
  console.log(fs.realpathSync(folder + '/link') === folder + '/g', fs.readdirSync(folder).sort().join());
  try { fs.readFileSync('/nothing'); } catch (error) { console.log(error.code, error.syscall); }
}

function memory() {
  const objects = [];
  for (let i = 0; i < 200000; i++) objects.push({ i, name: 'x' + i });
  console.log(objects.reduce((sum, object) => sum + object.i, 0), process.memoryUsage().heapUsed > 1e6);
  let dropped = 0;
  for (let i = 0; i < 40; i++) dropped += Buffer.alloc(1 << 20, i)[i];
  console.log(dropped);
}

function text() {
  console.log(new URL('http://ä.example/x?y#z').href, 'ä'.normalize('NFD').length);
  console.log(new Intl.NumberFormat('de').format(1234567.5), 2n ** 100n);
  console.log(new Intl.DateTimeFormat('en', { timeZone: 'Asia/Tokyo', dateStyle: 'full', timeStyle: 'long' })
    .format(new Date(0)));
  console.log(/(\p{L}+)-(?<n>\d+)/u.exec('añb-42').groups.n);
  console.log(JSON.stringify(structuredClone({ a: [new Date(0)], b: new Map([[1, 2]]) })));
}

function datagrams() {
  return new Promise(resolve => {
    const receiver = require('dgram').createSocket('udp4');
    receiver.on('message', (message, from) => {
      console.log('udp', message.toString(), from.address);
      receiver.close(resolve);
    });
    receiver.bind(0, '127.0.0.1', () => {
      const sender = require('dgram').createSocket('udp4');
      sender.send('hi', receiver.address().port, '127.0.0.1', () => sender.close());
    });
  });
}

function unix_sockets() {
  return new Promise(resolve => {
    const net = require('net'), server = net.createServer(socket => socket.pipe(socket));
    server.listen(folder + '/socket', () => {
      const client = net.connect(folder + '/socket', () => client.write('echo'));
      client.on('data', part => { console.log(part.toString()); client.end(); });
      client.on('close', () => server.close(resolve));
    });
  });
}

function signals() {
  return new Promise(resolve => {
    process.once('SIGUSR2', () => { console.log('a signal'); resolve(); });
    process.kill(process.pid, 'SIGUSR2');
  });
}

(async () => {
  files();
  memory();
  text();
  await datagrams();
  await unix_sockets();
  await signals();
  console.log(await fs.promises.readFile(folder + '/h', 'utf8'));
  fs.rmSync(folder, { recursive: true });
  console.log(fs.existsSync(folder), vm.runInNewContext('a + 1', { a: 2 }));
  const store = new AsyncLocalStorage();
  await store.run('kept', async () => { await null; console.log(store.getStore()); });
  console.log(typeof (await import('fs')).readFileSync);
  require('dns').lookup('localhost', (error, address) => console.log(error ?? address.length > 2));
  process.on('exit', code => console.log('exit', code));
})();
