"""Asynchronous calls: accepted when durable, delivered at least once, whatever is killed."""
import concurrent.futures
import http.client
import json
import os
import random
import signal
import threading
import time
import unittest
import uuid

import harness
from harness import Node, NodeTest, PATIENCE_S, wait_until
from sinks import Gate

KILLS = 12
SEED = 11


def log_lines(node, name='f'):
    """All that is kept of a function's log, oldest first."""
    folder = os.path.join(node.state, 'logs')
    for file in sorted(os.listdir(folder), reverse=True):
        if file == name + '.log' or file.startswith(name + '.log.'):
            with open(os.path.join(folder, file)) as log:
                for line in log:
                    try:
                        yield json.loads(line)
                    except ValueError:
                        pass  # the node was killed in the midst of it


def delivered(node, name='f'):
    """call id → attempts that the function's log says were delivered."""
    found = {}
    for line in log_lines(node, name):
        if '; delivered' in line['text']:
            found.setdefault(line['call'], []).append(line['text'])
    return found


class Calls(NodeTest):
    """What the gateway says, and what becomes of a call."""

    @classmethod
    def prepare(cls):
        cls.node.deploy('f', 'trouble', attempts_max=3)

    def gate(self):
        gate = Gate()
        self.addCleanup(gate.close)
        return gate

    def post(self, path, body=b'', **headers):
        return self.node.http('POST', '/async-function/' + path, body,
                              {k.replace('_', '-'): v for k, v in headers.items()})

    def lines(self, call, name='f'):
        return [line['text'] for line in self.node.logs(name, 10000) if line.get('call') == call]

    def ended(self, call, words, name='f', seconds=PATIENCE_S):
        return wait_until(lambda: [t for t in self.lines(call, name) if words in t],
                          f'{words} of {call}', seconds)

    def test_it_is_accepted_with_an_id_and_delivered(self):
        answer = self.post('f/count', b'hello')
        self.assertEqual((answer.status, answer.body), (202, b''))
        call = answer.header('X-Call-Id')
        self.assertEqual(str(uuid.UUID(call)), call)
        line, = self.ended(call, 'delivered')
        self.assertIn('attempt 1 of 3: status 200', line)

    def test_the_function_sees_the_event(self):
        answer = self.post('f/log/x?n=1&m=%20', b'\0body', x_call_id='my-id', x_other='yes',
                           x_mayfly_attempt='77')
        self.assertEqual((answer.status, answer.header('X-Call-Id')), (202, 'my-id'))
        self.ended('my-id', 'delivered')
        self.node.deploy('shows', 'trouble')
        # The reply is nobody's; what the function saw, it logs.
        answer = self.post('shows/tell?n=5', b'12345', x_other='yes', x_mayfly_attempt='77')
        call = answer.header('X-Call-Id')
        self.ended(call, 'delivered', 'shows')
        said = '\n'.join(self.lines(call, 'shows'))
        for part in ('method=POST', 'path=/tell', 'query=n=5', 'body=5', 'x-other=yes',
                     'x-call-id=' + call, 'x-mayfly-attempt=1', 'x-start-time='):
            self.assertIn(part, said)
        self.assertNotIn('attempt=77', said)

    def test_only_post(self):
        for method in ('GET', 'PUT', 'DELETE', 'HEAD'):
            answer = self.node.http(method, '/async-function/f/count')
            self.assertEqual((answer.status, answer.header('Allow')), (405, 'POST'), method)

    def test_unknown_functions_are_refused(self):
        answer = self.post('nobody/x', b'1')
        self.assertEqual((answer.status, answer.error['code']), (404, 'unknown-function'))

    def test_bodies_have_the_bound_of_other_calls(self):
        self.assertEqual(self.post('f/count', b'x' * (6 << 20)).status, 202)
        self.assertEqual(self.post('f/count', b'x' * ((6 << 20) + 1)).status, 413)

    def test_a_full_head_leaves_room_for_the_attempt(self):
        # Of 128 fields: method, path, host, accept-encoding, x-call-id, x-start-time.
        headers = {f'x-{i}': 'y' for i in range(122)}
        self.assertEqual(self.node.http('POST', '/function/f/count', b'', headers).status, 200)
        self.assertEqual(self.post('f/count', **headers).status, 431)
        del headers['x-0']
        answer = self.post('f/count', **headers)
        self.assertEqual(answer.status, 202)
        self.ended(answer.header('X-Call-Id'), 'delivered')

    def test_a_4xx_is_delivered(self):
        call = self.post('f/status?n=404').header('X-Call-Id')
        line, = self.ended(call, 'delivered')
        self.assertIn('status 404', line)

    def test_a_failure_is_retried_and_ends_as_a_dead_letter(self):
        for path, words in (('f/status?n=503', 'status 503'), ('f/fail?n=9', 'handler-failed'),
                            ('f/null', 'instance-fault'), ('f/exit?n=3', 'instance-fault')):
            call = self.post(path).header('X-Call-Id')
            self.ended(call, 'dead letter')
            lines = [t for t in self.lines(call) if t.startswith('attempt')]
            self.assertEqual(len(lines), 3, lines)
            for number, line in enumerate(lines, 1):
                self.assertTrue(line.startswith(f'attempt {number} of 3: {words}'), line)
            self.assertIn('again in', lines[0])

    def test_deadline(self):
        self.node.deploy('slow', 'trouble', timeout_ms=100, attempts_max=2)
        call = self.post('slow/spin?n=5000').header('X-Call-Id')
        self.ended(call, 'dead letter', 'slow')
        self.assertIn('deadline', self.lines(call, 'slow')[-1])

    def test_others_are_served_while_one_waits_for_its_next_attempt(self):
        self.node.deploy('one', 'trouble', attempts_max=8, max_instances=1)
        bad = self.post('one/status?n=500').header('X-Call-Id')

        def attempts():
            return len([line for line in self.lines(bad, 'one') if line.startswith('attempt')])

        def between():
            """Of two attempts, which are further and further apart: was another event delivered?"""
            before = attempts()
            good = self.post('one/count').header('X-Call-Id')
            self.ended(good, 'delivered', 'one')
            return 0 < before == attempts() < 8
        wait_until(between, 'another one meanwhile')

    def test_overload_is_no_attempt(self):
        """One instance, busy for longer than calls wait: the others are kept, not counted."""
        gate = self.gate()
        self.node.deploy('busy', 'trouble', max_instances=1, wait_ms=50, attempts_max=2, **gate.settings)
        blocker = threading.Thread(target=self.node.http, args=('POST', '/function/busy/' + gate.path))
        blocker.start()
        wait_until(gate.held, 'the call')
        calls = [self.post('busy/count').header('X-Call-Id') for _ in range(5)]
        self.ended(calls[0], 'not begun: no-free-instance', 'busy')
        gate.open()
        for call in calls:
            line, = self.ended(call, 'delivered', 'busy')
            self.assertIn('attempt 1 of 2', line)
        blocker.join()

    def test_as_many_at_once_as_the_function_may(self):
        self.node.deploy('three', 'trouble', max_instances=3)
        began = time.monotonic()
        calls = [self.post('three/nap?n=200').header('X-Call-Id') for _ in range(9)]
        for call in calls:
            self.ended(call, 'delivered', 'three')
        self.assertGreater(time.monotonic() - began, 0.55)

    def test_a_full_queue(self):
        gate = self.gate()
        self.node.deploy('small', 'trouble', max_instances=1, queue_max=3, **gate.settings)
        answers = [self.post('small/' + gate.path) for _ in range(6)]
        self.assertEqual([a.status for a in answers], [202] * 3 + [429] * 3)
        self.assertEqual(answers[3].error['code'], 'queue-full')
        self.assertTrue(answers[3].header('Retry-After'))
        gate.open()
        for answer in answers[:3]:
            self.ended(answer.header('X-Call-Id'), 'delivered', 'small')

    def test_a_removed_function_keeps_what_waits(self):
        gate = self.gate()
        self.node.deploy('gone', 'trouble', max_instances=1, **gate.settings)
        self.post('gone/' + gate.path)
        wait_until(gate.held, 'the first')
        calls = [self.post('gone/count').header('X-Call-Id') for _ in range(5)]
        self.assertEqual(self.node.api('DELETE', '/v1/functions/gone').status, 200)
        self.assertEqual(self.post('gone/count').status, 404)
        gate.open()
        wait_until(lambda: self.node.api('GET', '/v1/queues/gone').json['count'] == 5, 'the end of the first')
        self.node.deploy('gone', 'trouble')
        for call in calls:
            self.ended(call, 'delivered', 'gone')

    def test_too_old(self):
        gate = self.gate()
        self.node.deploy('old', 'trouble', max_instances=1, max_age_s=1, **gate.settings)
        self.post('old/' + gate.path)
        wait_until(gate.held, 'the first')
        late = self.post('old/log?n=1').header('X-Call-Id')
        time.sleep(1.1)
        gate.open()
        wait_until(lambda: self.node.api('GET', '/v1/calls/' + late).json['state'] == 'dead', 'its end')
        self.assertFalse([t for t in self.lines(late, 'old') if 'delivered' in t])
        self.assertTrue([t for t in self.lines(late, 'old') if 'max_age_s' in t])
        self.node.api('DELETE', '/v1/queues/old/entries?dead=1')
        end = self.node.api('GET', '/v1/calls/' + late).json
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()
        self.assertEqual(self.node.api('GET', '/v1/calls/' + late).json, end)
        self.assertEqual((end['state'], end['last'], end['attempts']), ('dead', 'too old', 0))

    def test_many(self):
        self.node.deploy('many', 'trouble')
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: self.post('many/count', str(i).encode()), range(400)))
        self.assertEqual({a.status for a in answers}, {202})
        calls = {a.header('X-Call-Id') for a in answers}
        self.assertEqual(len(calls), 400)
        wait_until(lambda: calls <= delivered(self.node, 'many').keys(), 'all')


class Kills(unittest.TestCase):
    """What was answered 202 is delivered, whoever dies."""

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.accepted = []

    def sender(self, stop, path):
        while not stop.wait(0.02):  # a log takes so many lines a second
            call = str(uuid.uuid4())
            try:
                answer = self.node.http('POST', path, b'x', {'X-Call-Id': call}, timeout=5)
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
                continue
            if answer.status == 202:
                self.accepted.append(call)

    def rounds(self, trouble, count=KILLS):
        chance = random.Random(SEED)
        # A slow machine has the same event in hand at several kills.
        self.node.deploy('f', 'trouble', isolation='reuse', attempts_max=100)
        stop = threading.Event()
        threads = [threading.Thread(target=self.sender, args=(stop, '/async-function/f/count?n=1'))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(count):
                enough = len(self.accepted) + 5
                time.sleep(0.05 + chance.random() * 0.2)
                wait_until(lambda enough=enough: len(self.accepted) >= enough, 'events')
                trouble()
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def empty(self):
        queue = self.node.api('GET', '/v1/queues/f').json
        return queue['count'] == 0 and queue

    def test_the_node(self):
        def kill():
            self.node.process.kill()
            self.node.process.wait()
            self.node.start()
        self.rounds(kill)
        self.all_delivered()

    def all_delivered(self):
        self.assertGreater(len(self.accepted), 50)
        queue = wait_until(self.empty, 'an empty queue', 3 * PATIENCE_S)
        self.assertEqual(queue['dead'], 0)
        ran = delivered(self.node)
        missing = [call for call in self.accepted if call not in ran]
        self.assertEqual(missing, [])
        print(f'{len(self.accepted)} accepted, all delivered, '
              f'{sum(len(v) - 1 for v in ran.values())} of them again')

    def test_the_spawner(self):
        def kill():
            pid = self.node.process.pid
            with open(f'/proc/{pid}/task/{pid}/children') as file:
                children = file.read().split()
            if children:
                os.kill(int(children[0]), signal.SIGKILL)
        self.rounds(kill)
        self.all_delivered()

    def test_a_stop(self):
        """What runs is finished, the rest waits for the next start: nothing runs twice."""
        self.node.deploy('f', 'trouble', isolation='reuse', max_instances=2)
        calls = [self.node.http('POST', '/async-function/f/nap?n=150').header('X-Call-Id')
                 for _ in range(20)]
        for _ in range(3):
            time.sleep(0.2)
            self.node.stop()
            self.node.start()
        wait_until(self.empty, 'an empty queue')
        ran = delivered(self.node)
        self.assertEqual(sorted(ran), sorted(calls))
        self.assertEqual({len(lines) for lines in ran.values()}, {1})

    def test_an_event_that_takes_the_node_with_it(self):
        """It is begun a bounded number of times, then it is a dead letter; another one is not."""
        self.node.deploy('f', 'trouble', attempts_max=1, timeout_ms=60000)
        answer = self.node.http('POST', '/async-function/f/nap?n=50000')
        self.assertEqual(answer.status, 202)
        begun = 0
        while self.node.api('GET', '/v1/queues/f').json['dead'] == 0:
            if self.node.api('GET', '/v1/calls/' + answer.header('X-Call-Id')).json['state'] != 'running':
                time.sleep(0.01)
                continue
            begun += 1
            self.assertLess(begun, 30)
            self.node.process.kill()
            self.node.process.wait()
            self.node.start()
        self.assertEqual(begun, 1 + 16)  # attempts_max, MF_UNSEEN_ATTEMPTS_MAX
        entry, = self.node.api('GET', '/v1/queues/f/entries?dead=1').json['entries']
        self.assertIn('ended with the node', entry['reason'])


class Queues(NodeTest):
    """The management API's queues and calls."""

    def gate(self):
        gate = Gate()
        self.addCleanup(gate.close)
        return gate

    def push(self, name, body='x'):
        answer = self.node.api('POST', f'/v1/queues/{name}/entries', body)
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json['call']

    def queue(self, name):
        return self.node.api('GET', '/v1/queues/' + name).json

    def entries(self, name, query=''):
        return self.node.api('GET', f'/v1/queues/{name}/entries{query}').json

    def call(self, call):
        return self.node.api('GET', '/v1/calls/' + call)

    def state(self, call, state):
        return wait_until(lambda: self.call(call).status == 200 and
                          self.call(call).json['state'] == state and self.call(call).json, state)

    def test_push_and_what_becomes_of_it(self):
        self.node.deploy('f', 'trouble')
        call = self.push('f')
        told = self.state(call, 'delivered')
        self.assertEqual((told['function'], told['attempts'], told['last']), ('f', 1, 'status 200'))
        wait_until(lambda: self.queue('f')['count'] == 0, 'its acknowledgement')
        self.assertEqual(self.queue('f'), {'name': 'f', 'deployed': True, 'count': 0, 'bytes': 0,
                                           'dead': 0, 'dead_bytes': 0})
        self.assertEqual(self.node.api('POST', '/v1/queues/nobody/entries', 'x').status, 404)
        self.assertEqual(self.node.api('GET', '/v1/queues/nobody').status, 404)
        self.assertEqual(self.call('nobody').status, 404)

    def test_how_it_ended_outlives_the_node(self):
        self.node.deploy('f', 'trouble', attempts_max=1)
        self.node.deploy('loose', 'trouble', durability='process-crash')
        good, loose = self.push('f'), self.push('loose')
        bad = self.node.http('POST', '/async-function/f/fail?n=9', 'x').header('X-Call-Id')
        self.state(bad, 'dead')
        for call in good, loose:
            self.state(call, 'delivered')
        for name in 'f', 'loose':
            wait_until(lambda: self.queue(name)['count'] == 0, 'its acknowledgement')
        before = {call: self.call(call).json for call in (good, loose)}
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()
        for call in good, loose:
            self.assertEqual(self.call(call).json, before[call])
        self.assertEqual(self.call(bad).json['state'], 'dead')
        self.assertEqual(self.node.api('DELETE', '/v1/queues/f/entries?dead=1').json, {'removed': 1})
        self.assertEqual(self.call(bad).json['state'], 'dead')
        self.assertEqual(self.call('nobody').status, 404)

    def test_states(self):
        gate = self.gate()
        self.node.deploy('one', 'trouble', max_instances=1, attempts_max=2, **gate.settings)
        running = self.node.http('POST', '/async-function/one/' + gate.path).header('X-Call-Id')
        waits = self.node.http('POST', '/async-function/one/status?n=500',
                               headers={'X-Call-Id': 'a/b%?'}).header('X-Call-Id')
        self.state(running, 'running')
        self.assertEqual(self.call('a%2Fb%25%3F').json['state'], 'waiting')
        gate.open()
        self.state(running, 'delivered')
        told = self.state('a%2fb%25%3f', 'retrying')
        self.assertEqual((told['call'], told['attempts']), (waits, 1))
        told = self.state('a%2Fb%25%3F', 'dead')
        self.assertEqual(told['attempts'], 2)
        self.assertRegex(told['last'], r'^status 500( \(instance \d+\))?$')

    def test_dead_letters_redrive_and_purge(self):
        self.node.deploy('r', 'trouble', attempts_max=1)
        calls = [self.node.http('POST', '/async-function/r/fail?n=7', b'body %d' % i,
                                {'X-Call-Id': f'r{i}'}).header('X-Call-Id') for i in range(5)]
        wait_until(lambda: self.queue('r')['dead'] == 5, 'five dead letters')
        found = self.entries('r', '?dead=1&count=2')
        self.assertTrue(found['more'])
        rest = self.entries('r', f'?dead=1&after={found["entries"][1]["id"]}')
        self.assertFalse(rest['more'])
        all_of_them = found['entries'] + rest['entries']
        self.assertEqual(sorted(e['call'] for e in all_of_them), calls)
        entry = min(all_of_them, key=lambda e: e['call'])
        self.assertEqual((entry['body'], entry['body_bytes'], entry['path'], entry['query'],
                          entry['method'], entry['attempts']), ('body 0', 6, '/fail', 'n=7', 'POST', 1))
        self.assertRegex(entry['reason'], r'^handler-failed: it failed with "7" \(instance \d+\)$')
        text = self.node.api('GET', '/metrics').body.decode()
        self.assertIn('mayfly_queue_dead{function="r"} 5', text)
        self.assertIn('mayfly_deliveries_total{function="r",outcome="dead"} 5', text)
        # Another version does better.
        self.assertEqual(self.node.api('POST', '/v1/queues/r/redrive').json, {'redriven': 5})
        wait_until(lambda: self.queue('r')['dead'] == 5, 'the same again')
        self.assertEqual(self.node.api('DELETE', '/v1/queues/r/entries?dead=1').json, {'removed': 5})
        self.assertEqual(self.queue('r')['dead'], 0)
        wait_until(lambda: 'mayfly_queue_dead{function="r"} 0' in
                   self.node.api('GET', '/metrics').body.decode(), 'the metric')

    def test_large_dead_letters_all_go_on_their_way(self):
        self.node.deploy('large', 'trouble', attempts_max=1, max_instances=1, isolation='reuse')
        for _ in range(5):  # more than a step of the store's moves
            self.node.http('POST', '/async-function/large/status?n=500', b'x' * 5000000)
        wait_until(lambda: self.queue('large')['dead'] == 5, 'five dead letters')
        self.assertEqual(self.node.api('POST', '/v1/queues/large/redrive').json, {'redriven': 5})
        wait_until(lambda: self.queue('large')['dead'] == 5, 'the same again')
        self.assertEqual(self.node.api('DELETE', '/v1/queues/large/entries?dead=1').json, {'removed': 5})

    def test_a_dead_letter_has_the_fault_report(self):
        self.node.deploy('n', 'trouble', attempts_max=2)
        call = self.node.http('POST', '/async-function/n/null').header('X-Call-Id')
        self.state(call, 'dead')
        wait_until(lambda: self.queue('n')['dead'] == 1, 'its burial')
        self.assertNotIn('?', self.call(call).json['last'])
        entry, = self.entries('n', '?dead=1')['entries']
        self.assertRegex(entry['reason'], r'^instance-fault \(page-fault\): .* \(instance \d+\)$')
        first, *frames = entry['report'].split('\n')
        self.assertRegex(first, r'^fault: cause=page-fault addr.*0x0.* rip=0x\w+ <deep_fault\+0x\w+>')
        self.assertRegex(frames[0], r'^  #0 0x\w+ <deep_fault\+0x\w+>$')
        self.assertIn('<mayfly_handle+', frames[1])
        self.assertNotIn('x-mayfly-attempt', [name for name, _ in entry['headers']])
        self.assertLessEqual(len(entry['reason'] + entry['report']), 1024)
        # The last attempt's: one that is answered has none.
        self.node.deploy('n', 'trouble', attempts_max=1)
        self.node.http('POST', '/async-function/n/fail?n=7')
        wait_until(lambda: self.queue('n')['dead'] == 2, 'the second')
        entry = self.entries('n', '?dead=1')['entries'][1]
        self.assertNotIn('report', entry)

    def test_redrive_after_a_repair(self):
        self.node.deploy('d', 'trouble', attempts_max=1, environment={'TROUBLE_INIT': 'none'})
        call = self.node.http('POST', '/async-function/d/spin?n=300').header('X-Call-Id')
        self.state(call, 'delivered')
        self.node.deploy('d', 'trouble', attempts_max=1, timeout_ms=50)
        call = self.node.http('POST', '/async-function/d/spin?n=300').header('X-Call-Id')
        told = self.state(call, 'dead')
        self.assertIn('deadline', told['last'])
        self.node.deploy('d', 'trouble', attempts_max=1, timeout_ms=30000)
        self.node.api('POST', '/v1/queues/d/redrive')
        told = self.state(call, 'delivered')
        self.assertEqual(told['attempts'], 1)

    def test_purge_of_what_waits(self):
        gate = self.gate()
        self.node.deploy('p', 'trouble', max_instances=1, **gate.settings)
        self.node.http('POST', '/async-function/p/' + gate.path)
        for _ in range(9):
            self.push('p')
        self.assertEqual(self.queue('p')['count'], 10)
        names = [q['name'] for q in self.node.api('GET', '/v1/queues').json['queues']]
        self.assertIn('p', names)
        self.assertEqual(self.node.api('DELETE', '/v1/queues/p/entries').json, {'removed': 10})
        self.assertEqual(self.queue('p')['count'], 0)
        gate.open()
        self.assertEqual(self.state(self.push('p'), 'delivered')['attempts'], 1)

    def test_what_waits_for_no_function(self):
        gate = self.gate()
        self.node.deploy('w', 'trouble', max_instances=1, **gate.settings)
        self.node.http('POST', '/async-function/w/' + gate.path)
        wait_until(gate.held, 'the first')
        call = self.push('w')
        self.node.api('DELETE', '/v1/functions/w')
        gate.open()
        wait_until(lambda: self.queue('w')['count'] == 1, 'the end of the first')
        self.assertIn('for one that was removed', self.call(call).error['message'])
        self.assertEqual([e['call'] for e in self.entries('w')['entries']], [call])
        self.assertFalse(self.queue('w')['deployed'])
        self.node.api('DELETE', '/v1/queues/w/entries')
        self.assertEqual(self.node.api('GET', '/v1/queues/w').status, 404)

    def test_nonsense(self):
        self.assertEqual(self.node.api('GET', '/v1/queues/No').status, 404)
        for method, path in (('POST', 'redrive'), ('DELETE', 'entries'), ('DELETE', 'entries?dead=1')):
            self.assertEqual(self.node.api(method, '/v1/queues/nosuch/' + path).status, 404, path)
        self.assertEqual(self.node.api('GET', '/v1/queues/f/entries?after=3').status, 400)
        for bad in ('%', '%2', '%zz', '%00', 'x' * 129, 'a%20b'):
            self.assertEqual(self.call(bad).status, 404, bad)


class Disk(unittest.TestCase):
    def test_a_full_disk(self):
        """507 until there is room again; nothing that was accepted is lost, nothing restarts."""
        state = harness.small_disk(self, 24)
        node, gate = Node(state=state), Gate()
        try:
            node.deploy('f', 'trouble', max_instances=1, **gate.settings)
            node.snapshot('f')
            blocker = node.http('POST', '/async-function/f/' + gate.path)
            self.assertEqual(blocker.status, 202)
            filler = open(os.path.join(state, 'filler'), 'wb', buffering=0)
            with self.assertRaises(OSError):
                while True:
                    filler.write(b'x' * 65536)
            statuses, accepted = set(), []
            for _ in range(40):
                answer = node.http('POST', '/async-function/f/count?n=1', b'y' * 500000)
                statuses.add(answer.status)
                if answer.status == 202:
                    accepted.append(answer.header('X-Call-Id'))
            self.assertIn(507, statuses)
            self.assertLessEqual(statuses, {202, 507})
            named = [node.api('POST', '/v1/queues/n/entries?tenant=default', b'y' * 60000) for _ in range(60)]
            self.assertEqual({answer.status for answer in named} - {202}, {507}) # and not that the queue is full
            self.assertIn('disk', named[-1].error['message'])
            filler.close()
            os.unlink(os.path.join(state, 'filler'))
            answer = node.http('POST', '/async-function/f/count?n=1', b'y' * 500000)
            self.assertEqual(answer.status, 202)
            accepted.append(answer.header('X-Call-Id'))
            gate.open()
            for call in accepted + [blocker.header('X-Call-Id')]:
                wait_until(lambda: node.api('GET', '/v1/calls/' + call).json['state'] == 'delivered',
                           'delivery', 3 * PATIENCE_S)
        finally:
            gate.close()
            node.close()


if __name__ == '__main__':
    harness.main()
