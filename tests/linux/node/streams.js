// Streams of both kinds, through files and compression, with an error on the way.
const { PassThrough, Readable, Transform } = require('stream');
const { pipeline } = require('stream/promises');
const fs = require('fs'), zlib = require('zlib'), crypto = require('crypto');
const path = `/tmp/mf-streams-${process.pid}.gz`;

function* lines() {
  for (let i = 0; i < 20000; i++) yield `some text, line ${i}\n`;
}

function transform(change) {
  return new Transform({ transform(part, encoding, done) { change(part.toString(), done); } });
}

(async () => {
  await pipeline(Readable.from(lines()), transform((part, done) => done(null, part.toUpperCase())),
                 zlib.createGzip(), fs.createWriteStream(path));
  const hash = crypto.createHash('sha256');
  let bytes = 0;
  for await (const part of fs.createReadStream(path).pipe(zlib.createGunzip())) {
    hash.update(part);
    bytes += part.length;
  }
  console.log(bytes, hash.digest('hex'));
  fs.unlinkSync(path);

  const odd = Readable.from([1, 2, 3, 4]).filter(x => x % 2).map(async x => x * 10);
  console.log((await odd.toArray()).join());
  const from = new ReadableStream({ start(sink) { sink.enqueue('a'); sink.enqueue('b'); sink.close(); } });
  await from.pipeTo(new WritableStream({ write(part) { console.log('web', part); } }));
  const broken = transform((part, done) => done(new Error('broken')));
  await pipeline(Readable.from(['x']), broken, new PassThrough()).catch(error => console.log(error.message));
  const input = Readable.from(['one\ntw', 'o\nthree']);
  for await (const line of require('readline').createInterface({ input })) console.log('line', line);
})();
