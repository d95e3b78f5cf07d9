"""What a running function asks of the node: key-values, queues, and who may."""
import concurrent.futures
import struct
import time
import unittest
import urllib.parse

import harness
from harness import OPERATION, Node, NodeTest, desc, order, wait_until

CHUNK = 65536


class Asks:
    """For test classes: one request to the function `asks`."""

    def ask(self, what, body=b'', name='asks', node=None, **arguments):
        query = urllib.parse.urlencode(arguments)
        answer = (node or self.node).http('POST', f'/function/{name}/{what}?{query}', body)
        self.assertEqual(answer.status, 200, answer.body[:500])
        return answer.header('x-error'), answer

    def value(self, what, body=b'', **arguments):
        error, answer = self.ask(what, body, **arguments)
        self.assertEqual(error, 'ok', answer.header('x-words'))
        return answer.body


class Values(Asks, NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('asks')
        for isolation in ('reset', 'reuse', 'fresh'):
            cls.node.deploy('asks-' + isolation, 'asks', isolation=isolation, max_instances=20)

    def test_each_operation(self):
        self.assertEqual(self.ask('get', key='k/1')[0], 'not-found')
        self.assertEqual(self.value('set', b'\0one', key='k/1'), b'')
        self.assertEqual(self.value('get', key='k/1'), b'\0one')
        self.assertEqual(self.value('increment', key='n/1'), b'1')
        self.assertEqual(self.value('increment', key='n/1', by=-43), b'-42')
        error, answer = self.ask('increment', key='k/1')
        self.assertEqual((error, answer.header('x-words')),
                         ('invalid', 'the value is no whole number, or the sum would not fit'))
        self.assertEqual(self.value('cas', b'a', key='k/2'), b'')
        error, answer = self.ask('cas', b'b', key='k/2')
        self.assertEqual((error, answer.body), ('exists', b'a'))
        error, answer = self.ask('cas', b'b', key='k/2', expected='x')
        self.assertEqual((error, answer.body), ('exists', b'a'))
        self.assertEqual(self.value('cas', b'b', key='k/2', expected='a'), b'')
        self.assertEqual(self.ask('cas', b'b', key='k/3', expected='a')[0], 'not-found')
        self.assertEqual(self.value('delete', key='k/2'), b'')
        self.assertEqual(self.ask('delete', key='k/2')[0], 'not-found')

    def test_what_lives_for_a_time(self):
        def there(life_ms):
            """Is it read while it lives? A slow machine may come too late for a short life."""
            self.value('set', b'soon', key='k/short', life=life_ms)
            error, answer = self.ask('get', key='k/short')
            self.assertIn((error, answer.body), (('ok', b'soon'), ('not-found', b'')))
            return error == 'ok'
        lives = iter(range(200, 10000, 200))
        harness.wait_until(lambda: there(next(lives)), 'a value that lives')
        harness.wait_until(lambda: self.ask('get', key='k/short')[0] == 'not-found', 'its end')

    def test_scans(self):
        for i in range(5):
            self.value('set', b'v%d' % i, key=f'k/scan/{i}')
        error, answer = self.ask('scan', prefix='k/scan/', count=3)
        self.assertEqual((error, answer.header('x-more'), answer.body),
                         ('ok', '1', b'k/scan/0=v0\nk/scan/1=v1\nk/scan/2=v2\n'))
        error, answer = self.ask('scan', prefix='k/scan/', after='k/scan/2', count=3)
        self.assertEqual((error, answer.header('x-more'), answer.body),
                         ('ok', '0', b'k/scan/3=v3\nk/scan/4=v4\n'))
        self.assertEqual(self.ask('scan', prefix='k/', count=0)[0], 'invalid')
        self.assertEqual(self.ask('scan', prefix='k/', count=1001)[0], 'invalid')

    def test_a_scan_of_large_values_ends_where_it_is_full(self):
        for i in range(3):
            self.value('set', b'x' * 30000, key=f'k/large/{i}')
        error, answer = self.ask('scan', prefix='k/large/', count=3)
        self.assertEqual((error, answer.header('x-more'), answer.body.count(b'\n')), ('ok', '1', 2))

    def test_sizes(self):
        room = CHUNK - 16 - len('k/big')  # struct mf_op_set and the key
        body = bytes(range(256)) * 256
        self.assertEqual(self.value('set', body[:room], key='k/big'), b'')
        self.assertEqual(self.value('get', key='k/big'), body[:room])
        self.assertEqual(self.ask('set', body[:room + 1], key='k/big')[0], 'too-large')
        self.assertEqual(self.ask('set', b'', key='k/' + 'x' * 254)[0], 'ok')
        self.assertEqual(self.ask('set', b'', key='k/' + 'x' * 255)[0], 'too-large')
        self.assertEqual(self.ask('set', b'', key='')[0], 'invalid')
        self.assertEqual(self.value('get', key='k/' + 'x' * 254), b'')

    def test_what_is_not_allowed_is_denied_and_logged(self):
        for what, arguments in (('get', {'key': 'secret/1'}), ('set', {'key': 'kk'}),
                                ('increment', {'key': 'x'}), ('scan', {'prefix': '', 'count': 1}),
                                ('push', {'queue': 'forbidden'}), ('pop', {'queue': 'other'}),
                                ('publish', {'topic': 'a/b'}), ('secret', {'secret': 'password'}),
                                ('fetch', {'url': 'http://localhost/'})):
            error, answer = self.ask(what, **arguments)
            self.assertEqual(error, 'denied', what)
            self.assertIn(f'{what} is denied: allow.', answer.header('x-words'))
        said = [line['text'] for line in self.node.logs('asks')]
        self.assertIn('get is denied: allow.read of the function\'s settings does not name it: '
                      '"secret/1"', said)

    def test_a_function_that_is_allowed_nothing(self):
        self.node.deploy('nothing', 'asks', allow={})
        self.assertEqual(self.ask('get', name='nothing', key='k/1')[0], 'denied')
        self.node.deploy('all', 'asks', allow={'read': ['*'], 'write': ['all/'], 'push': ['*']})
        self.assertEqual(self.ask('get', name='all', key='anything')[0], 'not-found')
        self.assertEqual(self.ask('set', name='all', key='all/1')[0], 'ok')
        self.assertEqual(self.ask('set', name='all', key='al')[0], 'denied')
        self.assertEqual(self.ask('push', name='all', queue='any')[0], 'ok')

    def test_tenants_see_nothing_of_each_other(self):
        self.node.deploy('theirs', 'asks', tenant='other')
        self.value('set', b'ours', key='k/tenant')
        self.assertEqual(self.ask('get', name='theirs', key='k/tenant')[0], 'not-found')
        self.value('set', b'theirs', name='theirs', key='k/tenant')
        self.assertEqual(self.value('get', key='k/tenant'), b'ours')
        self.value('push', b'theirs', name='theirs', queue='work')
        self.assertEqual(self.ask('pop', queue='work')[0], 'not-found')

    def test_one_key_and_twenty_instances(self):
        times, workers = 25, 20
        for isolation in ('reset', 'reuse', 'fresh'):
            key = 'n/sum-' + isolation

            def add(_, key=key, isolation=isolation):
                return self.value('increment', name='asks-' + isolation, key=key)
            with concurrent.futures.ThreadPoolExecutor(workers) as pool:
                sums = list(pool.map(add, range(times * workers)))
            self.assertEqual(sorted(map(int, sums)), list(range(1, times * workers + 1)))
            self.assertEqual(self.value('get', key=key), str(times * workers).encode())

    def test_no_answer_reaches_another_event(self):
        """Events one after the other in the same instance: each gets its own answer."""
        for isolation in ('reset', 'reuse', 'fresh'):
            name = 'asks-' + isolation
            for i in range(30):
                self.value('set', b'%d' % i, name=name, key=f'k/own/{i}')
                self.assertEqual(self.value('get', name=name, key=f'k/own/{i}'), b'%d' % i)

    def test_values_outlive_the_node(self):
        self.value('set', b'kept', key='k/kept')
        self.value('push', b'kept', queue='work', content='text/plain')
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()
        self.assertEqual(self.value('get', key='k/kept'), b'kept')
        self.assertEqual(self.value('pop', queue='work'), b'kept')


class Queues(Asks, NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('asks')

    def test_push_and_pop(self):
        self.assertEqual(self.ask('pop', queue='work')[0], 'not-found')
        ids = []
        for i in range(3):
            error, answer = self.ask('push', b'%d' % i, queue='work', type='a.b', content='text/x')
            self.assertEqual(error, 'ok')
            ids.append(answer.header('x-id'))
        self.ask('push', b'now', queue='work', urgent=1)
        error, answer = self.ask('pop', queue='work')
        self.assertEqual((error, answer.body, answer.header('x-type')), ('ok', b'now', 'mayfly.push'))
        for i in range(3):
            error, answer = self.ask('pop', queue='work')
            self.assertEqual((error, answer.body, answer.header('x-id'), answer.header('x-type'),
                              answer.header('x-content')),
                             ('ok', b'%d' % i, ids[i], 'a.b', 'text/x'))
        self.assertEqual(self.ask('pop', queue='work')[0], 'not-found')

    def fails(self, how, status, name='asks'):
        self.assertEqual(self.node.http('POST', f'/function/{name}/pop?queue=work&{how}').status, status)

    def popped(self):
        """What was given back is there once the store has it."""
        return wait_until(lambda: [a.body for e, a in [self.ask('pop', queue='work')] if e == 'ok'], 'an entry')[0]

    def is_empty(self):
        return self.node.api('GET', '/v1/queues/work?tenant=default').json.get('count', 0) == 0

    def fails_with_one(self):
        """It may not have been given back yet."""
        return self.node.http('POST', '/function/frail/pop?queue=work&status=503').header('x-error') == 'ok'

    def test_what_a_handler_popped_that_fails_comes_back(self):
        self.node.deploy('frail', 'asks', attempts_max=2)
        self.node.api('DELETE', '/v1/queues/work/entries?tenant=default&dead=1')  # other tests'
        for how, status in (('status=500', 500), ('die=1', 502)):
            self.value('push', how.encode(), queue='work')
            self.fails(how, status)
            self.assertEqual(self.popped(), how.encode())
            self.assertEqual(self.ask('pop', queue='work')[0], 'not-found')
        self.value('push', b'hard', queue='work')
        self.fails('status=404', 404)  # looked at, and not wanted: it is gone
        wait_until(self.is_empty, 'its end')
        # Nor does it stand in the others' way for ever.
        self.value('push', b'poison', queue='work')
        for _ in range(2):
            wait_until(self.fails_with_one, 'it')
        wait_until(lambda: self.node.api('GET', '/v1/queues/work?tenant=default').json['dead'] == 1, 'its burial')
        entry, = self.node.api('GET', '/v1/queues/work/entries?tenant=default&dead=1').json['entries']
        self.assertIn('frail popped it and failed, 2 attempts', entry['reason'])
        self.assertEqual(self.node.api('POST', '/v1/queues/work/redrive?tenant=default').json, {'redriven': 1})
        self.assertEqual(self.popped(), b'poison')

    def test_what_was_popped_when_the_node_was_killed_comes_back(self):
        self.node.deploy('slow', 'asks', timeout_ms=60000)
        self.value('push', b'kept', queue='work')
        connection = self.node.connect()
        connection.request('POST', '/function/slow/pop?queue=work&spin=1')
        wait_until(lambda: 'due_at' in (self.node.api('GET', '/v1/queues/work/entries?tenant=default')
                                        .json['entries'] or [{}])[0], 'it is taken')
        self.node.process.kill()
        self.node.process.wait()
        connection.close()
        self.node.start()
        self.assertEqual(self.popped(), b'kept')

    def test_the_same_event_pushes_with_the_same_id(self):
        def push(call):
            return self.node.http('POST', '/function/asks/push?queue=other', b'x',
                                  {'X-Call-Id': call}).header('x-id')
        first = push('one')
        self.assertEqual(push('one'), first)
        self.assertNotEqual(push('two'), first)

    def test_what_is_no_queue(self):
        self.node.deploy('all', 'asks', allow={'push': ['*'], 'pop': ['*']})
        for name in ('', 'Work', '-a', 'a' * 64, '../x'):
            self.assertEqual(self.ask('push', name='all', queue=name)[0], 'invalid')
        self.assertEqual(self.ask('push', name='all', queue='a' * 63)[0], 'ok')
        self.assertEqual(self.ask('push', name='all', queue='a', type='a b')[0], 'invalid')
        self.assertEqual(self.ask('push', name='all', queue='a', type='a' * 257)[0], 'too-large')

    def test_large_ones(self):
        room = CHUNK - 24 - len('work')  # struct mf_op_push and the queue
        self.assertEqual(self.ask('push', b'x' * (room + 1), queue='work')[0], 'too-large')
        body = b'y' * 60000
        self.value('push', body, queue='work')
        self.assertEqual(self.value('pop', queue='work'), body)
        # With its fields it would not fit into an answer: it stands in nobody's way.
        self.value('push', b'x' * room, queue='work')
        self.value('push', b'next', queue='work')
        self.assertEqual(self.ask('pop', queue='work')[0], 'too-large')
        self.assertEqual(self.value('pop', queue='work'), b'next')


class Names(unittest.TestCase):
    def test_an_empty_queue_gives_its_name_back(self):
        """By a purge; else whoever pushes to sixty-four names has used them up for ever."""
        node = Node()
        try:
            push = lambda name: node.api('POST', f'/v1/queues/{name}/entries?tenant=t', b'x')
            purge = lambda name: node.api('DELETE', f'/v1/queues/{name}/entries?tenant=t').json['removed']
            for i in range(64):
                self.assertEqual(push(f'n{i}').status, 202)
            answer = push('one-more')
            self.assertEqual(answer.status, 429)
            self.assertIn('mayfly queue purge', answer.error['message'])
            self.assertEqual(purge('n7'), 1)
            self.assertEqual(push('one-more').status, 202)
            self.assertEqual(push('n7').status, 429)
            self.assertEqual(purge('n8'), 1)
            self.assertEqual(node.api('DELETE', '/v1/queues/n8/entries?tenant=t').status, 404) # it was given back
            self.assertEqual(push('n7').status, 202)
            self.assertEqual(node.api('GET', '/v1/queues/n7?tenant=t').json['count'], 1)
            self.assertEqual(node.api('POST', '/v1/queues/n0/entries?tenant=other', b'x').status, 202)
        finally:
            node.close()


class Hostile(NodeTest):
    """A kernel that keeps no rule (tests/guests/raw)."""
    REQUEST = struct.pack('<II', 1, 0) + b'k'
    REPLY = desc()

    @classmethod
    def prepare(cls):
        cls.node.deploy('raw', allow={'read': ['k'], 'write': ['k']})
        cls.node.deploy('curt', 'raw', timeout_ms=300, allow={'read': ['k'], 'write': ['k']})
        cls.node.deploy('asks')

    def says(self, *messages, text=REQUEST, name='raw'):
        return self.node.http('POST', '/function/' + name, order('SEQUENCE', sequence=messages, text=text))

    def operation(self, kind=1, number=1, data=len(REQUEST), **rest):
        return desc(type=OPERATION, flags=0, data=data, arg=kind | number << 32, **rest)

    def broke_the_protocol(self, answer, words):
        self.assertEqual((answer.status, answer.error['code']), (502, 'protocol'), answer.body)
        self.assertIn(words, answer.error['message'] + self.node.logs('raw')[-1]['text'])

    def test_two_at_a_time(self):
        self.broke_the_protocol(self.says(self.operation(), self.operation(number=2)),
                                'an operation before the last one was answered')

    def test_an_event_that_ends_before_its_answer(self):
        self.broke_the_protocol(self.says(self.operation(), self.REPLY),
                                'before its operation was answered')

    def test_a_foreign_event(self):
        for event in (0, 1, 1 << 40):
            answer = self.says(self.operation(id=event))
            self.assertEqual((answer.status, answer.error['code']), (502, 'protocol'))

    def test_nonsense(self):
        for changed in ({'kind': 0}, {'kind': 12}, {'kind': 0xffffffff}, {'number': 0}, {'data': 8},
                        {'data': 10}, {'data': 0}, {'kind': 2}, {'kind': 7}, {'kind': 9}):
            answer = self.says(self.operation(**changed))
            self.assertEqual((answer.status, answer.error['code']), (502, 'protocol'), changed)

    def test_who_waits_for_ever_meets_the_deadline(self):
        self.assertEqual(self.says(self.operation(), name='curt').status, 504)
        # A change of an instance that ended is made all the same, and nobody is told of it.
        text = struct.pack('<QII', 0, 1, 1) + b'k1'
        self.assertEqual(self.says(self.operation(kind=2, data=len(text)), text=text, name='curt').status, 504)

    def tearDown(self):
        answer = self.node.http('POST', '/function/asks/increment?key=n/alive')
        self.assertEqual((answer.status, answer.header('x-error')), (200, 'ok'))
        self.assertNotIn(b'broken rule', self.node.log())


class Full(Asks, unittest.TestCase):
    def test_a_full_disk_refuses_and_comes_back(self):
        state = harness.small_disk(self, 24)
        node = self.node = harness.Node(state=state)
        self.addCleanup(node.close)
        node.deploy('asks')
        body = b'x' * 60000
        kept = 0
        while True:
            error, answer = self.ask('set', body, key=f'k/{kept}')
            if error != 'ok':
                break
            kept += 1
            self.assertLess(kept, 1000)
        self.assertEqual(error, 'full')
        self.assertGreater(kept, 20)
        self.assertEqual(self.value('get', key='k/0'), body)
        self.assertEqual(self.ask('push', body, queue='work')[0], 'full')
        for i in range(kept):
            self.assertEqual(self.ask('delete', key=f'k/{i}')[0], 'ok')
        self.assertEqual(self.ask('set', body, key='k/again')[0], 'ok')


class Times(Asks, NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('asks', timeout_ms=300000)

    def test_a_thousand_in_one_event(self):
        self.value('set', b'v', key='k/many')
        begun = time.monotonic()
        self.value('many', key='k/many', times=1000)
        print(f'a get: {(time.monotonic() - begun) * 1000:.0f} µs')

    def test_the_node_stops_in_good_order(self):
        self.value('set', b'v', key='k/many')
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(self.ask, 'many', key='k/many', times=20000) for _ in range(4)]
            harness.wait_until(lambda: self.node.function('asks')['instances'], 'a start')
            self.node.stop()  # with 0 also where they take longer than a node waits
            for each in running:
                each.exception()  # answered or refused; the point is that it ends
        self.node.start()
        self.assertEqual(self.value('get', key='k/many'), b'v')


if __name__ == '__main__':
    harness.main()
