"""A hostile kernel against the daemon: nonsense by the hundred, from a fixed seed; another
function answers after each, and at the end the daemon holds what it held."""
import random
import struct
import time
import unittest

import harness
from harness import END, ERROR, LOG, OPERATION, ORDERS, OWN_ID, REPLY, REPLY_BODY, NodeTest, desc, order, wait_until

ROUNDS = 250
SEED = 2
DATA = 0x40000
WINDOW = 16 << 20
CHANNEL = WINDOW - 0x117000
SCRATCH = 0x11c000  # RAW_SCRATCH of orders.h
SNIPPETS_HARMLESS_MAX = 40
BLANKS = 8
DEADLINE_MS = 150  # or what a slow machine needs for twenty calls: most orders take no longer than one
SIZES = (0, 1, 4, 5, 8, 4095, 4096, 4097, 0x8000, 0x8001, 0xffff, 0x10000, 0x10001, DATA - 1, DATA,
         DATA + 1, 0x7fffffff, 0x80000000, 0xffffffff)
ADDRESSES = (0, 1, 8, 0x10000, 0x10008, 0x20000, 0x20800, 0x30000, 0xffff8, 0x100000, SCRATCH,
             SCRATCH + 1, 0x400000, 0x800000, CHANNEL - 8, CHANNEL, CHANNEL + 0x3000, WINDOW - 8,
             WINDOW, 0x7ffffff8, 0x80000000, 0xfffffff8, 0x100000000 + SCRATCH, 1 << 63,
             0xffff880000000000, (1 << 64) - 8)


def any_desc(rng):
    """Mostly plausible, often with one field that is not."""
    fields = dict(type=rng.choice((REPLY, REPLY, REPLY_BODY, ERROR, LOG, OPERATION, OPERATION)), id=OWN_ID,
                  flags=rng.choice((0, END)), head=0, offset=0, data=rng.choice((0, 5)))
    fields['arg'] = 200 if fields['type'] == REPLY else 0
    if fields['type'] in (LOG, OPERATION):
        fields['flags'] = 0
    if fields['type'] == OPERATION:
        fields['arg'] = rng.randrange(13) | rng.randrange(3) << 32
        fields['data'] = rng.choice((0, 8, 9, 16, 17, 24, 64))
    wrong = rng.choice(('none', 'type', 'id', 'flags', 'head', 'offset', 'data', 'arg'))
    if wrong in ('head', 'offset', 'data'):
        fields[wrong] = rng.choice(SIZES)
    elif wrong == 'type':
        fields['type'] = rng.choice((0, 1, 2, 3, 4, 5, 15, 20, 255, 256, 65535))
    elif wrong == 'id':
        fields['id'] = rng.choice((0, 1, rng.randrange(1 << 64), (1 << 64) - 1))
    elif wrong == 'flags':
        fields['flags'] = rng.choice((2, 3, 0x8000, 0xffff))
    elif wrong == 'arg':
        fields['arg'] = rng.choice((0, 1, 4, 100, 199, 200, 599, 600, 1 << 32, (1 << 64) - 1))
    return desc(**fields)


def hypercall(rng):
    """ORDER_HYPERCALL with a struct of edges."""
    words = b''.join(struct.pack('<Q', rng.choice(ADDRESSES + SIZES)) for _ in range(4))
    made = bytearray(order('HYPERCALL', number=rng.randrange(9), address=rng.choice(ADDRESSES)))
    made[8 + 32 + 48:8 + 32 + 48 + 32] = words
    return bytes(made)


def any_order(rng):
    kind = rng.choice(('HYPERCALL', 'HYPERCALL', 'MESSAGE', 'MESSAGE', 'SEQUENCE', 'SEQUENCE', 'WORD',
                       'FLIP', 'TOUCH', 'SNIPPET', 'FLOOD_BELL', 'SILENCE', 'FLOOD_CONSOLE'))
    if kind == 'HYPERCALL':
        return hypercall(rng)
    text = rng.choice((b'hello', struct.pack('<HHI', 4, 1, 1) + b'av', struct.pack('<II', 1, 0) + b'k',
                       bytes(64), b'\xff' * 64))
    if kind == 'SEQUENCE':
        return order(kind, sequence=[any_desc(rng) for _ in range(rng.randrange(1, 9))], text=text)
    if kind == 'WORD':
        return order(kind, number=rng.choice(SIZES), last=rng.randrange(2),
                     address=rng.randrange(0, 384, 4))
    if kind == 'FLIP':
        return order(kind, number=500, message=any_desc(rng), text=text)
    if kind == 'TOUCH':
        return order(kind, number=rng.randrange(3), address=rng.choice(ADDRESSES))
    if kind == 'SNIPPET':
        return order(kind, number=rng.randrange(SNIPPETS_HARMLESS_MAX))
    return order(kind, number=1000, message=any_desc(rng), text=text)


class Hostile(NodeTest):
    OPTIONS = ('--blanks', str(BLANKS))

    @classmethod
    def prepare(cls):
        cls.node.deploy('echo')
        cls.node.deploy('raw', timeout_ms=30000, max_instances=2)
        begun = time.monotonic()
        for _ in range(20):
            assert cls.node.http('POST', '/function/raw', order('NOTHING')).status == 200
        took_ms = int((time.monotonic() - begun) * 1000)
        cls.node.deploy('raw', timeout_ms=max(DEADLINE_MS, took_ms), max_instances=2,
                        allow={'read': ['*'], 'write': ['*']})

    def test_nonsense_ends_its_instance_at_most(self):
        rng = random.Random(SEED)
        self.assertEqual(self.node.http('POST', '/function/echo', b'0').status, 200)
        wait_until(lambda: self.node.api('GET', '/v1/node').json['counts']['blanks'][
            harness.ARGS.sandbox] == BLANKS, 'its blanks')
        descriptors, processes = self.node.descriptors(), len(self.node.children())
        seen = {}
        for i in range(ROUNDS):
            body = any_order(rng)
            answer = self.node.http('POST', '/function/raw', body)
            what = f'round {i}, order {ORDERS[body[0]]}, {body.hex()}'
            self.assertTrue(200 <= answer.status <= 599, what)
            if answer.status in (502, 504):
                self.assertEqual(answer.error['function'], 'raw', what)
            seen[answer.status] = seen.get(answer.status, 0) + 1
            kind = self.node.http('POST', '/function/echo', str(i).encode())
            self.assertEqual((kind.status, kind.body), (200, str(i).encode()), what)
        self.assertIsNone(self.node.process.poll())
        self.assertNotIn(b'broken rule', self.node.log())
        for status in (200, 502, 504):  # or the orders have lost their teeth
            self.assertGreater(seen.get(status, 0), ROUNDS // 25, seen)
        self.assertEqual(self.node.api('DELETE', '/v1/functions/raw').status, 200)
        wait_until(lambda: self.node.descriptors() <= descriptors + 8, 'its descriptors')
        wait_until(lambda: len(self.node.children()) <= processes + 2, 'its processes')


if __name__ == '__main__':
    harness.main()
