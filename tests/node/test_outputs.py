"""What follows an event: replies passed on to other functions, durable before the event is
acknowledged, with the same ids however often it is done again."""
import hashlib
import http.client
import json
import random
import signal
import threading
import time
import unittest
import uuid

import harness
from harness import Node, NodeTest, PATIENCE_S, wait_until
from sinks import Gate
from test_async import delivered

SEED = 5


def output_id(call, function, target):
    """As node/delivery/output_event.h makes it."""
    text = b''.join(part.encode() + b'\0' for part in (call, function, target))
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def deploy(node, name, then=(), image='step', settings=(), **environment):
    environment.setdefault('STEP', ' ' + name)
    node.deploy(name, image, then=list(then), environment=environment, **dict(settings))


def post(node, name, body=b'0', **headers):
    answer = node.http('POST', '/async-function/' + name, body,
                       {k.replace('_', '-'): v for k, v in headers.items()})
    assert answer.status == 202, answer.body
    return answer.header('X-Call-Id')


def queue(node, name):
    return node.api('GET', '/v1/queues/' + name).json


def lines(node, call, name):
    return [line['text'] for line in node.logs(name, 10000) if line.get('call') == call]


def got(node, call, name):
    """What the function said of the event, once it was delivered."""
    wait_until(lambda: any('delivered' in t for t in lines(node, call, name)), f'{call} at {name}')
    return next(t for t in lines(node, call, name) if t.startswith('got '))


class Chains(NodeTest):
    def test_a_reply_becomes_an_event(self):
        deploy(self.node, 'a', ['b'], TYPE='step.a', HEADER='ce-subject=a subject')
        deploy(self.node, 'b', ['c'])
        deploy(self.node, 'c', TELL='1')
        call = post(self.node, 'a', b'hello', content_type='text/plain')
        self.assertIn('got hello type=http', got(self.node, call, 'a'))
        self.assertTrue(any('delivered, passed on to 1 function' in t
                            for t in lines(self.node, call, 'a')))
        second = output_id(call, 'a', 'b')
        self.assertEqual(got(self.node, second, 'b'),
                         f'got hello a type=step.a id={second} source=/functions/a hops=1 cause={call} '
                         'content=text/x-step attempt=1')
        third = output_id(second, 'b', 'c')
        self.assertEqual(got(self.node, third, 'c'),
                         f'got hello a b type=mayfly.reply id={third} source=/functions/b hops=2 '
                         f'cause={second} content=text/x-step attempt=1')
        said = '\n'.join(lines(self.node, third, 'c'))
        for part in ('ce-specversion=1.0', 'ce-time=20', 'x-call-id=' + third, 'x-start-time='):
            self.assertIn('header ' + part, said)
        self.assertNotIn('subject', said)
        told = self.node.api('GET', '/v1/calls/' + third).json
        self.assertEqual((told['function'], told['state']), ('c', 'delivered'))

    def test_headers_of_the_event_pass(self):
        deploy(self.node, 'h', ['i'], HEADER='ce-webhook=http://x/y')
        deploy(self.node, 'i', TELL='1')
        second = output_id(post(self.node, 'h'), 'h', 'i')
        got(self.node, second, 'i')
        self.assertIn('header ce-webhook=http://x/y', lines(self.node, second, 'i'))

    def test_what_is_not_passed_on(self):
        """204 filters; so do answers that are not 2xx; a synchronous call is nobody's event."""
        deploy(self.node, 'odd', ['never'], ONLY='even')
        deploy(self.node, 'gone', ['never'], STATUS='404')
        deploy(self.node, 'never')
        for name, body in (('odd', b'1'), ('gone', b'2')):
            call = post(self.node, name, body)
            got(self.node, call, name)
            self.assertFalse(any('passed on' in t for t in lines(self.node, call, name)))
        self.assertEqual(self.node.http('POST', '/function/odd', b'2').body, b'2 odd')
        self.assertEqual(queue(self.node, 'never')['count'], 0)
        self.assertEqual(self.node.function('never')['counters']['started'], 0)
        second = output_id(post(self.node, 'odd', b'2'), 'odd', 'never')
        self.assertIn('got 2 odd', got(self.node, second, 'never'))

    def test_an_empty_reply_is_passed_on(self):
        deploy(self.node, 'e', ['f'], STEP='')
        deploy(self.node, 'f')
        second = output_id(post(self.node, 'e', b''), 'e', 'f')
        self.assertTrue(got(self.node, second, 'f').startswith('got  type=mayfly.reply'))

    def test_large_replies(self):
        deploy(self.node, 'large', ['takes'], BYTES=str(6 << 20), STEP='')
        deploy(self.node, 'takes', ONLY='even', STEP='')
        second = output_id(post(self.node, 'large'), 'large', 'takes')
        self.assertIn('got ' + 'x' * 200, got(self.node, second, 'takes'))

    def test_fan_out(self):
        names = [f'w{i}' for i in range(16)]
        for name in names:
            deploy(self.node, name)
        deploy(self.node, 'wide', names)
        call = post(self.node, 'wide', b'one')
        for name in names:
            self.assertIn('got one wide', got(self.node, output_id(call, 'wide', name), name))
        self.assertTrue(any('passed on to 16 functions' in t for t in lines(self.node, call, 'wide')))

    def test_a_function_that_is_not_there(self):
        """What is for it waits for it."""
        deploy(self.node, 'early', ['late'])
        second = output_id(post(self.node, 'early', b'1'), 'early', 'late')
        wait_until(lambda: self.node.api('GET', '/v1/queues/late').status == 200 and
                   queue(self.node, 'late')['count'] == 1, 'its event')
        wait_until(lambda: queue(self.node, 'early')['count'] == 0, 'the acknowledgement')
        deploy(self.node, 'late')
        self.assertIn('got 1 early', got(self.node, second, 'late'))

    def test_a_circle_ends(self):
        deploy(self.node, 'ring', ['ring'], settings={'attempts_max': 3}, STEP='')
        post(self.node, 'ring', b'round', x_mayfly_hops='7')
        wait_until(lambda: queue(self.node, 'ring')['dead'] == 1, 'the end of it')
        entry, = self.node.api('GET', '/v1/queues/ring/entries?dead=1').json['entries']
        self.assertIn('passed on 32 times', entry['reason'])
        self.assertEqual(entry['attempts'], 1)
        self.assertIn(['x-mayfly-hops', '32'], entry['headers'])
        self.assertEqual(self.node.function('ring')['counters']['started'], 33)

    def test_a_head_without_room(self):
        """A client's head may be full, a reply's too; both become an event or a dead letter."""
        deploy(self.node, 'fat', ['thin'], HEADER='ce-x=' + 'y' * 200)
        deploy(self.node, 'thin')
        second = output_id(post(self.node, 'fat', x_call_id='z' * 128), 'fat', 'thin')
        self.assertIn('cause=' + 'z' * 128, got(self.node, second, 'thin'))

    def test_settings(self):
        for bad, words in ((['A'], 'then: entry 1 is not the name'), ([1], 'then: entry 1'), ('a', 'a list of at most'),
                           (['a', 'a'], 'twice'), ([f'a{i}' for i in range(17)], 'at most 16')):
            answer = self.node.api('PUT', '/v1/functions/bad', {
                'image': self.node.upload('step'), 'settings': {'then': bad}})
            self.assertEqual(answer.status, 400)
            self.assertIn(words, answer.error['message'])
        deploy(self.node, 'good', ['x', 'y'])
        self.assertEqual(self.node.function('good')['settings']['then'], ['x', 'y'])

    def test_the_next_one_is_started_ahead(self):
        deploy(self.node, 'second', settings={'keep_alive': 'none'})
        self.node.snapshot('second')
        begun = time.monotonic()
        self.assertEqual(self.node.http('POST', '/function/second', b'0').status, 200)
        took_ms = int((time.monotonic() - begun) * 1000)  # a start among it, as fast as this machine is now
        wait_until(lambda: not self.node.function('second')['instances'], 'its end')
        deploy(self.node, 'first', ['second'], NAP_MS=str(max(300, 10 * took_ms)))
        for _ in range(2):  # how long the first one takes is to be known
            call = post(self.node, 'first')
            got(self.node, output_id(call, 'first', 'second'), 'second')
            wait_until(lambda: not self.node.function('second')['instances'], 'its end')
        wait_until(lambda: self.node.function('second')['counters']['prewarms'] >= 1, 'a start ahead')


class Named(NodeTest):
    """Who produces an event names it."""

    def test_a_reply_gives_its_event_an_id(self):
        deploy(self.node, 'src', ['takes'], HEADER='ce-id=mine-7', TYPE='step.named')
        deploy(self.node, 'takes')
        call = post(self.node, 'src', b'x')
        line = got(self.node, output_id(call, 'src', 'takes'), 'takes')  # its call has the node's id
        self.assertIn('got x src type=step.named id=mine-7 source=/functions/src hops=1', line)

    def test_nobody_is_another_function(self):
        deploy(self.node, 'liar', ['hears'], HEADER='ce-source=/functions/hears')
        deploy(self.node, 'hears')
        call = post(self.node, 'liar', b'x')
        self.assertIn('source=/functions/liar', got(self.node, output_id(call, 'liar', 'hears'), 'hears'))

    def test_a_structured_reply_is_taken_apart(self):
        deploy(self.node, 'json', ['reads'], STEP='', HEADER='content-type=application/cloudevents+json')
        deploy(self.node, 'reads', TELL='1')
        event = {'specversion': '1.0', 'id': 'r-1', 'source': 'urn:x', 'type': 'co2.high', 'subject': 'kitchen',
                 'data': [900]}
        call = post(self.node, 'json', json.dumps(event).encode())
        second = output_id(call, 'json', 'reads')
        self.assertIn('got [900] type=co2.high id=r-1 source=urn:x', got(self.node, second, 'reads'))
        self.assertIn('header ce-subject=kitchen', lines(self.node, second, 'reads'))

    def test_one_that_is_no_event_has_failed(self):
        deploy(self.node, 'wrong', ['reads'], HEADER='content-type=application/cloudevents+json',
               settings={'attempts_max': 1})
        call = post(self.node, 'wrong', b'{"id": "1"')
        wait_until(lambda: any('no event, though its Content-Type says so' in t for t in lines(self.node, call, 'wrong')),
                   'word of it')
        wait_until(lambda: queue(self.node, 'wrong')['dead'] == 1, 'a dead letter')


class BackPressure(NodeTest):
    def test_a_full_queue_keeps_the_event_in_hand(self):
        """The function does not run again for it; no attempt is counted; it goes on when there is
        room."""
        gate = Gate()
        self.addCleanup(gate.close)
        deploy(self.node, 'src', ['full', 'free'], settings={'max_instances': 2})
        deploy(self.node, 'full', settings={'queue_max': 1, 'max_instances': 1, **gate.settings}, HOLD=gate.url())
        deploy(self.node, 'free')
        calls = [post(self.node, 'src', b'%d' % i) for i in range(4)]
        held = wait_until(lambda: next((c for c in calls if any(
            'not passed on to full: queue-full' in t for t in lines(self.node, c, 'src'))), None), 'a held one')
        self.assertEqual(self.node.api('GET', '/v1/calls/' + held).json['state'], 'running')
        gate.open()
        for call in calls:
            self.assertIn('attempt=1', got(self.node, output_id(call, 'src', 'full'), 'full'))
            got(self.node, output_id(call, 'src', 'free'), 'free')
            self.assertEqual(len([t for t in lines(self.node, call, 'src') if t.startswith('got')]), 1)
        wait_until(lambda: queue(self.node, 'src')['count'] == 0, 'an empty queue')
        self.assertEqual(self.node.function('src')['counters']['started'], 4)
        self.assertEqual(self.node.function('free')['counters']['started'], 4)

    def test_a_stop_gives_it_back(self):
        node = Node()
        self.addCleanup(node.close)
        gate = Gate()
        self.addCleanup(gate.close)
        deploy(node, 'src', ['full'])
        deploy(node, 'full', settings={'queue_max': 1, 'max_instances': 1, **gate.settings}, HOLD=gate.url())
        calls = [post(node, 'src', b'%d' % i) for i in range(2)]
        wait_until(lambda: any('queue-full' in t for c in calls for t in lines(node, c, 'src')), 'a held one')
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: b'node.stops' in node.log(), 'the beginning of its end')
        gate.open()
        self.assertEqual(node.process.wait(PATIENCE_S), 0)
        node.start()
        deploy(node, 'full')
        for call in calls:
            got(node, output_id(call, 'src', 'full'), 'full')


    def test_a_circle_that_locks_makes_room(self):
        """The only place of the queue is the event's own: it waits for itself, but not for ever."""
        deploy(self.node, 'ring', ['ring'], settings={'queue_max': 1})
        call = post(self.node, 'ring', b'round')
        wait_until(lambda: queue(self.node, 'ring')['dead'] == 1, 'a dead letter', 300)
        entry = self.node.api('GET', '/v1/queues/ring/entries?dead=1').json['entries'][0]
        self.assertIn('the queue of ring is full, and leads back here', entry['reason'])
        self.assertEqual(self.node.api('GET', '/v1/calls/' + call).json['state'], 'dead')
        self.assertEqual(len([t for t in lines(self.node, call, 'ring') if t.startswith('got')]), 1)
        self.assertEqual(queue(self.node, 'ring')['count'], 0)


class LittleMemory(unittest.TestCase):
    def test_replies_wait_for_room(self):
        """Eight of 6 MiB on their way in 16 MiB: it may take long, but none is a failed attempt."""
        node = Node('--buffer-mib', '16')
        self.addCleanup(node.close)
        deploy(node, 'large', ['takes'], BYTES=str(6 << 20), STEP='', settings={'attempts_max': 1})
        deploy(node, 'takes', BYTES='1', STEP='', settings={'attempts_max': 1})
        calls = [post(node, 'large', b'x') for _ in range(8)]
        for call in calls:
            wait_until(lambda: any('delivered' in t for t in
                                   lines(node, output_id(call, 'large', 'takes'), 'takes')), 'it', 270)
        self.assertEqual((queue(node, 'large')['dead'], queue(node, 'takes')['dead']), (0, 0))


class Kills(unittest.TestCase):
    """a → b, c; b → d, for even numbers; d → e. The node is killed again and again."""

    KILLS = 50

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.accepted = {}

    def sender(self, stop, first):
        number = first
        while not stop.wait(0.03):
            call = str(uuid.uuid4())
            try:
                answer = self.node.http('POST', '/async-function/a', b'%d' % number,
                                        {'X-Call-Id': call}, timeout=5)
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
                continue
            if answer.status == 202:
                self.accepted[call] = number
            number += 1

    def trouble(self, number):
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()

    def test_each_result_is_there(self):
        often = {'attempts_max': self.KILLS} # a slow machine has the same event under way in many kills
        deploy(self.node, 'a', ['b', 'c'], settings=often)
        deploy(self.node, 'b', ['d'], settings=often, ONLY='even')
        deploy(self.node, 'c', settings=often)
        deploy(self.node, 'd', ['e'], settings=often)
        deploy(self.node, 'e', settings=often)
        stop, chance = threading.Event(), random.Random(SEED)
        threads = [threading.Thread(target=self.sender, args=(stop, i)) for i in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(self.KILLS):
                before = len(self.accepted)
                time.sleep(0.02 + chance.random() * 0.15)
                wait_until(lambda before=before: len(self.accepted) > before, 'an event')
                self.trouble(number)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        for name in 'abcde':
            wait_until(lambda: queue(self.node, name)['count'] == 0, 'an empty queue of ' + name, 3 * PATIENCE_S)
            self.assertEqual(queue(self.node, name)['dead'], 0)
        self.check()

    def check(self):
        self.assertGreaterEqual(len(self.accepted), self.KILLS)
        ran = {name: delivered(self.node, name) for name in 'abcde'}
        expected = {name: set() for name in 'abcde'}
        for call, number in self.accepted.items():
            expected['a'].add(call)
            second = output_id(call, 'a', 'b')
            expected['b'].add(second)
            expected['c'].add(output_id(call, 'a', 'c'))
            if number % 2 == 0:
                third = output_id(second, 'b', 'd')
                expected['d'].add(third)
                expected['e'].add(output_id(third, 'd', 'e'))
        for name in 'abcde':
            self.assertEqual(expected[name] - set(ran[name]), set(), name)
        # A call that was accepted while its answer was lost runs, too; nothing else does.
        self.assertLessEqual(len(set(ran['a']) - expected['a']), 4 * self.KILLS)
        again = {name: sum(len(v) - 1 for v in ran[name].values()) for name in 'abcde'}
        print(f'{len(self.accepted)} accepted, each result there; again: {again}')


class OnRedis(Kills):
    """The same with queues in a Redis, which is killed, too."""
    KILLS = 24

    def setUp(self):
        self.redis = harness.Redis(self)
        self.node = Node('--store', self.redis.url)
        self.addCleanup(self.node.close)
        self.accepted = {}

    def trouble(self, number):
        if number % 2:
            super().trouble(number)
            return
        self.redis.kill()
        time.sleep(0.05)
        self.redis.start()


if __name__ == '__main__':
    harness.main()
