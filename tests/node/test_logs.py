"""Functions' logs: lines, rotation, rate, and those who read along."""
import json
import os
import threading

import harness
from harness import NodeTest, UnixConnection, order, wait_until


class Logs(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('trouble')
        cls.node.deploy('other', 'trouble')
        for name in ('trouble', 'other'):
            cls.node.snapshot(name)  # which is a line of its log

    def follow(self, name, tail=0):
        connection = UnixConnection(os.path.join(self.node.state, 'api.sock'))
        connection.request('GET', f'/v1/functions/{name}/logs?follow=1&tail={tail}')
        return connection, connection.getresponse()

    def test_a_record_has_level_instance_and_call(self):
        answer = self.node.http('GET', '/function/trouble/log?n=2', headers={'X-Call-Id': 'here'})
        self.assertEqual(answer.status, 200)
        lines = wait_until(lambda: [l for l in self.node.logs('trouble') if l.get('call') == 'here'],
                           'the lines')
        self.assertEqual([l['text'] for l in lines], ['line 0', 'line 1'])
        self.assertEqual({l['level'] for l in lines}, {'info'})
        self.assertEqual({l['function'] for l in lines}, {'trouble'})
        self.assertGreater(lines[0]['instance'], 0)
        self.assertRegex(lines[0]['timestamp'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')

    def test_standard_error_is_in_the_log(self):
        self.node.http('GET', '/function/trouble/stderr')
        wait_until(lambda: 'a line on standard error' in [l['text'] for l in self.node.logs('trouble')], 'the line')

    def test_a_line_is_there_while_its_event_still_runs(self):
        self.node.deploy('toils', 'trouble', timeout_ms=100000)
        connection = self.node.connect()
        connection.request('GET', '/function/toils/toil?n=90000')
        texts = wait_until(lambda: [texts for texts in [[l['text'] for l in self.node.logs('toils')]]
                                    if 'it toils' in texts], 'the line')[0]
        self.assertEqual([t for t in texts if t.startswith('instance ended')], [])
        self.assertEqual(self.node.api('GET', '/v1/functions/toils').json['instances'][0]['state'], 'busy')
        connection.close()  # and nobody waits for it

    def test_a_fault_is_reported_behind_the_functions_own_last_words(self):
        self.assertEqual(self.node.http('GET', '/function/other/last').status, 502)
        texts = [l['text'] for l in self.node.logs('other')]
        said = texts.index('its last words')
        self.assertTrue(texts[said + 1].startswith('fault: cause=page-fault'), texts[said:])

    def test_tail_gives_the_last_lines(self):
        self.node.http('GET', '/function/trouble/log?n=30')
        self.assertEqual([l['text'] for l in self.node.logs('trouble', 3)],
                         ['line 27', 'line 28', 'line 29'])
        self.assertEqual(self.node.logs('trouble', 0), [])

    def test_followers_get_new_lines_as_they_come(self):
        connection, response = self.follow('trouble')
        for i in range(3):
            self.node.http('GET', '/function/trouble/log?n=1', headers={'X-Call-Id': f'call-{i}'})
            line = json.loads(response.readline())
            self.assertEqual((line['text'], line['call']), ('line 0', f'call-{i}'))
        connection.close()

    def test_a_follower_that_leaves_is_let_go(self):
        before = self.node.descriptors()
        followers = [self.follow('other') for _ in range(5)]
        self.assertGreater(self.node.descriptors(), before)
        for connection, response in followers:
            connection.sock.close()
            response.close()
            connection.close()
        wait_until(lambda: self.node.descriptors() <= before, 'their descriptors')

    def test_a_follower_ends_with_its_function(self):
        self.node.deploy('short', 'trouble')
        connection, response = self.follow('short', 100)
        self.assertTrue(response.readline())
        self.node.api('DELETE', '/v1/functions/short')
        while response.readline():
            pass
        connection.close()

    def test_too_many_followers_are_told_so(self):
        followers = [self.follow('other') for _ in range(64)]
        self.assertEqual({r.status for _, r in followers}, {200})
        connection, response = self.follow('other')
        self.assertEqual(response.status, 503)
        for connection, response in followers + [(connection, response)]:
            response.close()
            connection.close()

    def test_hostile_text_stays_one_line_of_json(self):
        self.node.deploy('raw')
        text = b'a"b\\\n\x1b[31m\xff\xc3\x28\x00end'
        self.node.http('POST', '/function/raw', order(
            'SEQUENCE', sequence=[harness.desc(type=harness.LOG, flags=0, data=len(text), arg=2),
                                  harness.desc()], text=text))
        lines = wait_until(lambda: [l for l in self.node.logs('raw') if l['level'] == 'warn'],
                           'the line')
        self.assertIn('end', lines[0]['text'])
        self.assertNotIn('\x1b', lines[0]['text'])
        self.assertNotIn('\x00', lines[0]['text'])

    def test_a_flood_is_cut_said_and_rotated(self):
        self.node.deploy('flood', 'trouble', timeout_ms=60000)
        connection, response = self.follow('flood')
        seen = []

        def read():
            for line in response:
                seen.append(json.loads(line))
                if 'dropped' in seen[-1]['text']:
                    return

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(8):
            self.assertEqual(self.node.http('GET', '/function/flood/log?n=4000').status, 200)
        wait_until(lambda: not reader.is_alive(), 'word of what was dropped')
        self.assertRegex(seen[-1]['text'], r'^\d+ lines dropped')
        connection.close()
        folder = os.path.join(self.node.state, 'logs')
        for name in os.listdir(folder):
            self.assertLess(os.path.getsize(os.path.join(folder, name)), (1 << 20) + (128 << 10))


if __name__ == '__main__':
    harness.main()
