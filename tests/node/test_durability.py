"""How durable a function's queue is, and that it does not change under what waits in it."""
import os
import signal
import threading
import time
import unittest

import harness
from harness import Node, wait_until
from sinks import Gate


class Durability(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def put(self, name='f', **settings):
        settings.setdefault('sandbox', harness.ARGS.sandbox)
        return self.node.api('PUT', f'/v1/functions/{name}', {'image': self.node.upload('trouble'),
                                                              'settings': {'isolation': 'reuse', 'wait_ms': 60000,
                                                                           **self.gate.settings, **settings}})

    def post(self, path, call_id):
        self.assertEqual(self.node.http('POST', '/async-function/' + path, b'', {'X-Call-Id': call_id}).status, 202)

    def delivered(self, name='f'):
        return {line['call'] for line in self.node.logs(name, 10000) if '; delivered' in line['text']}

    def waiting(self, name='f'):
        answer = self.node.api('GET', f'/v1/queues/{name}')
        return answer.json['count'] if answer.status == 200 else 0

    def stop(self, name='f'):
        self.assertEqual(self.node.api('POST', f'/v1/functions/{name}/stop').status, 200)

    def test_a_killed_process_loses_none(self):
        self.assertEqual(self.put(durability='process-crash', max_instances=1, attempts_max=100).status, 201)
        self.assertEqual(self.node.function('f')['settings']['durability'], 'process-crash')
        calls = set()
        for round_ in range(4):
            for i in range(20):
                calls.add(f'{round_}-{i}')
                self.post('f/nap?n=2', f'{round_}-{i}')
            time.sleep(0.01 * round_)
            os.kill(self.node.process.pid, signal.SIGKILL)
            self.node.process.wait()
            self.node.start()
        wait_until(lambda: self.delivered() == calls, 'all of them', 180)

    def test_it_does_not_change_while_something_waits(self):
        """And says what to do; then it does, there and back by a rollback."""
        self.assertEqual(self.put().status, 201)
        self.assertEqual(self.node.function('f')['settings']['durability'], 'power-loss')
        self.post('f/' + self.gate.path, 'first')
        for i in range(3):
            self.post('f/count', f'{i}')
        answer = self.put(durability='process-crash')
        self.assertEqual(answer.status, 409, answer.body)
        self.assertIn('durability: f\'s queue holds', answer.error['message'])
        self.assertEqual(self.node.function('f')['settings']['durability'], 'power-loss')
        self.gate.open()
        wait_until(lambda: len(self.delivered()) == 4 and self.waiting() == 0, 'all of them')
        wait_until(lambda: self.put(durability='process-crash').status == 200, 'the change')
        self.post('f/count', 'another')
        wait_until(lambda: 'another' in self.delivered(), 'its event')
        self.put(durability='process-crash', attempts_max=1)
        self.post('f/fail?n=1', 'bad')
        wait_until(lambda: self.node.api('GET', '/v1/queues/f').json['dead'] == 1, 'a dead letter')
        self.assertEqual(self.put(durability='power-loss').status, 409)
        self.assertEqual(self.node.api('DELETE', '/v1/queues/f/entries?dead=1').status, 200)
        wait_until(lambda: self.put(durability='power-loss').status == 200, 'the change back')
        self.assertEqual(self.node.api('POST', '/v1/functions/f/rollback').status, 200)
        self.assertEqual(self.node.function('f')['settings']['durability'], 'process-crash')

    def test_what_waits_for_a_removed_one_is_told_of(self):
        """And is delivered when it is deployed as it was."""
        self.put(durability='process-crash')
        self.stop()
        self.assertEqual(self.node.http('POST', '/async-function/f/count').status, 503)
        self.assertEqual(self.node.api('POST', '/v1/functions/f/start').status, 200)
        self.put(durability='process-crash', max_instances=1)
        self.post('f/' + self.gate.path, 'first')
        wait_until(self.gate.held, 'the first')
        for i in range(3):
            self.post('f/count', f'{i}')
        self.assertEqual(self.node.api('DELETE', '/v1/functions/f').status, 200)
        self.assertEqual(self.put().status, 201)
        wait_until(lambda: any('stay where they are' in line['text'] and 'process-crash' in line['text']
                               for line in self.node.logs('f')), 'word of them')
        self.assertNotIn('2', self.delivered())
        self.gate.open()
        self.assertEqual(self.put(durability='process-crash').status, 200)
        wait_until(lambda: {'0', '1', '2'} <= self.delivered(), 'all of them')

    def test_what_waits_for_a_removed_one_can_be_looked_at_and_purged(self):
        """In whichever of the two files it is, and in both."""
        def leave(durability, calls):
            self.assertEqual(self.put(durability=durability, max_instances=1).status, 201)
            self.post('f/' + self.gate.path, durability)
            for call in calls:
                self.post('f/count', call)
            self.assertEqual(self.node.api('DELETE', '/v1/functions/f').status, 200)

        def entries(query=''):
            return self.node.api('GET', '/v1/queues/f/entries' + query).json
        leave('process-crash', ['c1', 'c2'])
        wait_until(lambda: self.waiting() >= 2, 'both')
        self.assertLessEqual({'c1', 'c2'}, {each['call'] for each in entries()['entries']})
        leave('power-loss', ['p1', 'p2'])
        loose, safe = {'c1', 'c2'}, {'p1', 'p2'}
        wait_until(lambda: loose | safe <= {each['call'] for each in entries()['entries']}, 'all of them')
        total = self.waiting()
        seen, page = [], entries('?count=1')
        while page['more']:
            self.assertEqual(len(page['entries']), 1)
            seen += page['entries']
            page = entries('?count=1&after=' + seen[-1]['id'])
        seen += page['entries']
        self.assertEqual(len(seen), total)
        self.assertEqual(len({each['id'] for each in seen}), total)
        self.assertEqual(self.node.api('GET', '/v1/queues/f/entries?after=process-crash:3').status, 400)
        self.assertEqual(self.node.api('DELETE', '/v1/queues/f/entries').json['removed'], total)
        for path in ('', '/entries'):
            self.assertEqual(self.node.api('GET', '/v1/queues/f' + path).status, 404)

    def test_what_comes_while_it_changes_is_not_left_behind(self):
        self.put()
        posted, stop = set(), threading.Event()

        def post():
            while not stop.is_set():
                call = f'c{len(posted)}'
                if self.node.http('POST', '/async-function/f/count', b'', {'X-Call-Id': call}).status == 202:
                    posted.add(call)
                stop.wait(0.01)  # a log drops what comes faster than it may (MF_LOG_LINES_PER_S)
        thread = threading.Thread(target=post)
        thread.start()
        try:
            answers = []

            def changes():
                answers.append(self.put(durability=('process-crash', 'power-loss')[len(answers) % 2]).status)
                return len(answers) >= 60 and answers.count(200) > 2 and len(posted) > 30
            wait_until(changes, 'three changes, with events between them', 180)
        finally:
            stop.set()
            thread.join()
        wait_until(lambda: posted <= self.delivered(), 'all of them', 180)

    def test_a_workflow_is_told_before_anything_changes(self):
        image = self.node.upload('trouble')
        functions = {name: {'image': image, 'settings': {'sandbox': harness.ARGS.sandbox, 'isolation': 'reuse',
                                                         **self.gate.settings}}
                     for name in ('a', 'b')}
        self.assertIn(self.node.api('PUT', '/v1/workflows/w', {'functions': functions}).status, (200, 201))
        self.post('b/' + self.gate.path, 'first')
        for each in functions.values():
            each['settings']['durability'] = 'process-crash'
        answer = self.node.api('PUT', '/v1/workflows/w', {'functions': functions})
        self.assertEqual(answer.status, 409, answer.body)
        self.assertIn("b's queue holds", answer.error['message'])
        self.assertEqual(self.node.function('a')['settings']['durability'], 'power-loss')
        self.gate.open()
        wait_until(lambda: self.node.api('PUT', '/v1/workflows/w', {'functions': functions}).status == 200, 'the change')

    def test_what_it_cannot_stand_with(self):
        for trigger in ({'every': '1m'}, {'cron': '0 4 * * *'}, {'key': 'a/'}, {'queue': 'q'}):
            answer = self.put(durability='process-crash', triggers=[trigger])
            self.assertEqual(answer.status, 400, trigger)
            self.assertIn('durability: process-crash, but a trigger ' + list(trigger)[0], answer.error['message'])
        for bad in ('none', '', 1):
            self.assertEqual(self.put(durability=bad).status, 400)


if __name__ == '__main__':
    harness.main()
