// Compression of each kind, at once on the pool's threads.
const zlib = require('zlib'), { createHash } = require('crypto');
const { promisify } = require('util');

const lines = Array.from({ length: 50000 }, (_, i) => `line ${i * 7919 % 1000}`);
const text = Buffer.from(lines.join('\n'));
const digest = bytes => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
const quick = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

for (const [name, pack, unpack] of [
  ['gzip', zlib.gzipSync, zlib.gunzipSync],
  ['deflate', zlib.deflateSync, zlib.inflateSync],
  ['raw', zlib.deflateRawSync, zlib.inflateRawSync],
  ['brotli', bytes => zlib.brotliCompressSync(bytes, quick), zlib.brotliDecompressSync]]) {
  const packed = pack(text);
  console.log(name, packed.length, digest(packed), unpack(packed).equals(text));
}
try { zlib.gunzipSync(Buffer.from('not compressed')); } catch (error) { console.log(error.code); }
Promise.all([1, 3, 6, 9].map(level => promisify(zlib.gzip)(text, { level })))
  .then(all => console.log(all.map(digest).join()));
