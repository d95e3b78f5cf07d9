// OpenSSL's hashes, ciphers and keys, on the main thread and on those of libuv's pool.
const crypto = require('crypto');

const text = Buffer.from('the quick brown fox');
for (const name of ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256', 'blake2b512'])
  console.log(name, crypto.createHash(name).update(text).digest('hex'));
console.log('hmac', crypto.createHmac('sha256', 'key').update(text).digest('base64'));

const key = Buffer.alloc(32, 7), nonce = Buffer.alloc(12, 9);
const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce);
const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
console.log('gcm', sealed.toString('hex'), cipher.getAuthTag().toString('hex'));
const open = crypto.createDecipheriv('aes-256-gcm', key, nonce);
open.setAuthTag(cipher.getAuthTag());
console.log(Buffer.concat([open.update(sealed), open.final()]).toString());

console.log('scrypt', crypto.scryptSync('pw', 'salt', 32, { N: 1024 }).toString('hex'));
const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signature = crypto.sign('sha256', text, pair.privateKey);
console.log('ecdsa', crypto.verify('sha256', text, pair.publicKey, signature),
            crypto.verify('sha256', Buffer.from('another'), pair.publicKey, signature));
console.log('random', crypto.randomBytes(16).length, crypto.randomUUID().length, crypto.randomInt(10) < 10,
            !crypto.randomBytes(16).equals(crypto.randomBytes(16)));

crypto.pbkdf2('pw', 'salt', 1000, 32, 'sha512', (error, derived) => {
  console.log('pbkdf2', derived.toString('hex'));
  crypto.generateKeyPair('rsa', { modulusLength: 1024 }, (wrong, publicKey, privateKey) => {
    const secret = crypto.privateEncrypt(privateKey, Buffer.from('secret'));
    console.log('rsa', crypto.publicDecrypt(publicKey, secret).toString());
  });
});
