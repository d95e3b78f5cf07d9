"""json, hashlib, re, zlib, struct, decimal, datetime: what is computed and not waited for."""
import datetime
import decimal
import hashlib
import json
import re
import struct
import zlib

tree = {'list': list(range(5)), 'text': 'äöü \u2028', 'number': 1.5e300, 'none': None, 'deep': {'a': [True]}}
print(json.dumps(tree, sort_keys=True), json.loads(json.dumps(tree)) == tree)
try:
    json.loads('{"a": 1,}')
except json.JSONDecodeError as error:
    print(error)
for name in ('md5', 'sha1', 'sha256', 'sha3_256', 'blake2b'):
    print(name, hashlib.new(name, b'the quick brown fox').hexdigest())
print(hashlib.scrypt(b'pw', salt=b'salt', n=1024, r=8, p=1, dklen=16).hex())
print(hashlib.pbkdf2_hmac('sha256', b'pw', b'salt', 1000).hex())
text = b'\n'.join(b'line %d' % (i * 7919 % 1000) for i in range(50000))
print(len(zlib.compress(text)), zlib.decompress(zlib.compress(text)) == text, zlib.crc32(text))
print(re.sub(r'(?P<word>\w+)-(\d+)', r'\2 \g<word>', 'añb-42 c-7'), struct.pack('>Ihd', 1, -2, 0.5).hex())
print(decimal.Decimal(1) / 7, 2 ** 200, sum(1 / n for n in range(1, 1000)))
print(datetime.datetime.fromtimestamp(0, datetime.timezone.utc).isoformat(),
      datetime.date(2026, 2, 28) + datetime.timedelta(days=1))
