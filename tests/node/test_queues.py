"""`mayfly queue`: what is purged has an end, what waits for functions that were removed is found, and a queue that does not
exist is none."""
import json
import os
import subprocess
import threading
import time
import unittest

import harness
from harness import Node, wait_until
from sinks import Gate, Sink


class Queues(unittest.TestCase):
    def open(self, *options):
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.node = Node('--callbacks', f'127.0.0.1:{self.sink.port}', *options)
        self.addCleanup(self.node.close)

    def mayfly(self, *arguments, code=0):
        done = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), *arguments, '--node',
                               'unix:' + os.path.join(self.node.state, 'api.sock')],
                              capture_output=True, text=True, env={**os.environ, 'NO_COLOR': '1'}, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def deploy(self, name='f', **settings):
        self.node.deploy(name, 'trouble', **{'max_instances': 1, **self.gate.settings, **settings})

    def post(self, path, call_id):
        answer = self.node.http('POST', '/async-function/' + path, b'x' * 50000,
                                {'X-Call-Id': call_id, 'X-Callback-Url': self.sink.url('/' + call_id)})
        self.assertEqual(answer.status, 202, answer.body)

    def letter(self, call_id):
        got, = wait_until(lambda: [r for r in self.sink.taken() if r['path'] == '/' + call_id], 'a letter')
        return got

    def is_told(self, call_id, name='f'):
        """Its caller, by a letter, and who asks."""
        letter = self.letter(call_id)
        self.assertEqual((letter['headers']['x-function-status'], letter['headers']['x-function-name']), ('503', name))
        error = json.loads(letter['body'])['error']
        self.assertEqual((error['code'], error['function'], error['call']), ('purged', name, call_id))
        self.is_purged(call_id, name)

    def is_purged(self, call_id, name='f'):
        call = self.node.api('GET', f'/v1/calls/{call_id}').json
        self.assertEqual((call['state'], call['function'], call['attempts'], call['last']), ('purged', name, 0, 'purged'))
        self.assertIn('purged', self.mayfly('call', call_id))

    def again(self):
        self.node.process.kill()
        self.node.process.wait()
        self.node.start()

    def listed(self):
        return {q['name']: q for q in self.node.api('GET', '/v1/queues').json['queues'] if 'tenant' not in q}


class Purged(Queues):
    def purge_and_tell(self):
        self.deploy()
        self.post('f/' + self.gate.path, 'runs')
        wait_until(self.gate.held, 'the first')
        for call_id in ('a', 'b'):
            self.post('f/count', call_id)
        self.assertIn('removed 3', self.mayfly('queue', 'purge', 'f'))
        for call_id in ('a', 'b'):
            self.is_told(call_id)
        self.assertFalse([r for r in self.sink.taken() if r['path'] == '/runs'])
        self.gate.open()  # what runs comes to its end, and that is told
        self.assertEqual(self.letter('runs')['headers']['x-function-status'], '200')
        self.assertEqual(self.node.api('GET', '/v1/calls/runs').json['state'], 'delivered')
        self.assertIn(b'mayfly_deliveries_total{function="f",outcome="purged"} 2', self.node.api('GET', '/metrics').body)
        lines = [line for line in self.node.logs('f') if line.get('call') == 'a']
        self.assertIn('by hand', lines[-1]['text'])
        time.sleep(1)
        self.assertEqual(sorted(r['path'] for r in self.sink.taken()), ['/a', '/b', '/runs'])  # each once
        self.again()
        for call_id in ('a', 'b'):
            self.is_purged(call_id)

    def test_callers_are_told(self):
        self.open()
        self.purge_and_tell()

    def test_callers_are_told_with_redis(self):
        self.open('--store', harness.Redis(self).url)
        self.purge_and_tell()

    def test_what_waits_in_hand_goes(self):
        """It found no instance, and is kept until it can be."""
        self.open()
        self.deploy(wait_ms=1)
        held = threading.Thread(target=self.node.http, args=('POST', '/function/f/' + self.gate.path))
        held.start()
        self.addCleanup(held.join)
        self.addCleanup(self.gate.open)
        wait_until(self.gate.held, 'the first')
        self.post('f/count', 'a')
        wait_until(lambda: any('kept until' in line['text'] for line in self.node.logs('f')), 'its coming to hand')
        self.mayfly('queue', 'purge', 'f')
        letter = self.letter('a')
        self.assertEqual(json.loads(letter['body'])['error']['code'], 'purged')
        self.gate.open()
        held.join()
        self.post('f/count', 'b')
        self.assertEqual(self.letter('b')['headers']['x-function-status'], '200')
        self.assertEqual(self.node.api('GET', '/v1/calls/a').json['state'], 'purged')
        self.assertEqual(len([r for r in self.sink.taken() if r['path'] == '/a']), 1)

    def test_dead_letters_were_told_when_they_died(self):
        self.open()
        self.deploy(attempts_max=1)
        self.post('f/status?n=500', 'a')
        self.assertEqual(self.letter('a')['headers']['x-function-status'], '500')
        wait_until(lambda: self.listed()['f']['dead'] == 1, 'its burial')
        self.assertIn('removed 1', self.mayfly('queue', 'purge', 'f', '--dead'))
        time.sleep(0.5)
        self.assertEqual(len(self.sink.taken()), 1)
        self.assertEqual(self.node.api('GET', '/v1/calls/a').json['state'], 'dead')


class Removed(Queues):
    """What waits for functions that are not there any more."""

    def leave(self, durability):
        gate = Gate()
        self.addCleanup(gate.close)
        self.deploy(durability=durability, attempts_max=1, **gate.settings)
        self.post('f/status?n=500', durability + '-dead')
        self.letter(durability + '-dead')
        self.post('f/' + gate.path, durability + '-runs')
        wait_until(gate.held, 'one that runs')
        for n in '12':
            self.post('f/count', f'{durability}-{n}')
        self.assertEqual(self.node.api('DELETE', '/v1/functions/f').status, 200)
        gate.open()
        self.letter(durability + '-runs')

    def is_found(self, durabilities):
        for durability in durabilities:
            self.leave(durability)
        waiting = 2 * len(durabilities)
        wait_until(lambda: self.listed()['f']['count'] == waiting, 'the end of what ran')
        self.assertEqual((self.listed()['f']['dead'], self.listed()['f']['deployed']), (len(durabilities), False))
        table = self.mayfly('queue', 'ls').splitlines()
        self.assertRegex(table[1], rf'^f +- +{waiting} .* {len(durabilities)} +removed$')
        shown = self.mayfly('queue', 'peek', 'f')
        for durability in durabilities:
            for n in '12':
                self.assertIn(f'{durability}-{n}', shown)
        first = self.mayfly('queue', 'peek', 'f', '--count', str(waiting - 1))
        last = first.splitlines()[-1].split('--after ')[1]
        self.assertIn(f'{durabilities[-1]}-2', self.mayfly('queue', 'peek', 'f', '--after', last))
        self.again()
        self.assertEqual(self.listed()['f']['count'], waiting)
        self.assertIn(f'redriven {len(durabilities)}', self.mayfly('queue', 'redrive', 'f'))
        self.assertEqual((self.listed()['f']['count'], self.listed()['f']['dead']), (waiting + len(durabilities), 0))
        self.assertIn(f'removed {waiting + len(durabilities)}', self.mayfly('queue', 'purge', 'f'))
        self.assertNotIn('f', self.listed())
        for durability in durabilities:
            for n in '12':
                self.is_told(f'{durability}-{n}')
        self.again()
        for durability in durabilities:
            self.is_purged(f'{durability}-1')

    def test_in_both_files(self):
        self.open()
        self.is_found(['power-loss', 'process-crash'])

    def test_in_the_second_alone(self):
        self.open()
        self.is_found(['process-crash'])

    def test_in_redis(self):
        self.open('--store', harness.Redis(self).url)
        self.is_found(['power-loss'])


class Missing(Queues):
    def test_a_queue_that_does_not_exist(self):
        """Is an error, whatever is asked of it, and says which there are."""
        self.open()
        self.deploy()
        for verb in (('ls',), ('peek',), ('peek', '--dead'), ('redrive',), ('purge',), ('purge', '--dead')):
            said = self.mayfly('queue', verb[0], 'nosuch', *verb[1:], code=3)
            self.assertIn("nosuch: no function of that name is deployed, and nothing waits for one; `mayfly queue ls`", said)
            said = self.mayfly('queue', verb[0], 'nosuch', *verb[1:], '--tenant', 'shop', code=3)
            self.assertIn('nosuch: tenant shop has no named queue at all', said)
        for name in ('orders', 'bills'):
            self.mayfly('queue', 'push', name, '--tenant', 'shop', '-d', 'x')
        for verb in (('ls',), ('peek',), ('redrive',), ('purge',)):
            said = self.mayfly('queue', verb[0], 'nosuch', *verb[1:], '--tenant', 'shop', code=3)
            self.assertIn('tenant shop has no queue of that name; it has bills, orders', said)
        self.assertIn('redriven 0', self.mayfly('queue', 'redrive', 'orders', '--tenant', 'shop'))
        self.assertIn('removed 1', self.mayfly('queue', 'purge', 'orders', '--tenant', 'shop'))
        self.mayfly('queue', 'purge', 'orders', '--tenant', 'shop', code=3)  # its name was given back

    def test_one_that_is_empty_is_there(self):
        self.open()
        self.deploy()
        self.node.deploy('reads', 'trouble', tenant='shop', triggers=[{'queue': 'orders'}])
        for name, more in (('f', ()), ('orders', ('--tenant', 'shop'))):
            self.mayfly('queue', 'ls', name, *more)
            self.assertIn('nothing waits', self.mayfly('queue', 'peek', name, *more))
            self.assertIn('redriven 0', self.mayfly('queue', 'redrive', name, *more))
            self.assertIn('removed 0', self.mayfly('queue', 'purge', name, *more))


if __name__ == '__main__':
    harness.main()
