"""Pages that a first event touches: learned from two instances, prepared for the others; learned
from a warm-up that is done again, before anybody asks; files of them damaged, stale, gone."""
import json
import os
import re
import subprocess
import unittest

import harness
from harness import Node, wait_until

LOOK_EVERY = 64  # MF_TOUCHED_LOOK_EVERY
PATH = '/200/100'  # of bench/touched: pages it reads, and others that it writes


class Touched(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)

    def deploy(self, isolation='fresh', **settings):
        self.node.deploy('f', 'bench-touched', isolation=isolation, **settings)
        self.assertEqual(self.node.snapshot('f')['state'], 'ready')

    def works(self, path=PATH):
        answer = self.node.http('GET', '/function/f' + path)
        self.assertEqual((answer.status, answer.body), (200, b'ok'))

    def touched(self):
        return self.node.function('f')['snapshot'].get('touched')

    def known(self, path=PATH):
        """Once two samples are there; an instance is not looked at while another's sample is
        written, so there may have to be one more."""
        def told():
            self.works(path)
            try:  # its sample is written beside the loop
                return wait_until(lambda: (lambda t: t['state'] != 'wanted' and t)(self.touched()), 'it', 1)
            except AssertionError:
                return None
        return wait_until(told, 'two samples')

    def learn(self, path=PATH):
        self.assertEqual(self.touched(), {'state': 'wanted'})
        self.works(path)
        wait_until(self.files, 'the first sample')
        self.assertEqual(self.touched(), {'state': 'wanted'})
        return self.known(path)

    def files(self):
        folder = os.path.join(self.node.state, 'snapshots')
        return [os.path.join(folder, name) for name in os.listdir(folder)
                if name.endswith('.touched')]

    def prepared(self):
        text = self.node.api('GET', '/metrics').body.decode()
        found = re.search(r'mayfly_prepared_pages_total{function="f"} (\d+)', text)
        return int(found.group(1)) if found else 0

    def restart(self, meanwhile=lambda: None):
        self.node.stop()
        meanwhile()
        self.node.start()

    def inspect(self, what):
        done = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'inspect', '--node',
                               os.path.join(self.node.state, 'api.sock'), what],
                              capture_output=True, text=True, check=False)
        return done.stdout

    def test_two_instances_tell_and_the_third_is_prepared(self):
        self.deploy()
        known = self.learn()
        self.assertEqual(known['state'], 'prepared')
        self.assertGreaterEqual(known['pages'], 100)
        self.assertLess(known['pages'], 200)
        before = self.prepared()  # 0, unless what was to be known was known late
        self.works()
        self.assertEqual(self.prepared(), before + known['pages'])
        self.works('/0/0')      # one that touches less
        self.works('/1000/500')  # or more
        self.assertEqual(self.prepared(), before + 3 * known['pages'])
        self.assertEqual(self.touched(), known)
        self.assertTrue(any('prepared at the next starts' in line['text']
                            for line in self.node.logs('f')))
        snap = self.files()[0].replace('.touched', '.snap')
        self.assertRegex(self.inspect(snap), rf'touches {known["pages"]} pages, prepared at start')
        self.assertEqual(os.stat(self.files()[0]).st_mode & 0o777, 0o600)

    def test_it_outlives_the_node(self):
        self.deploy()
        known = self.learn()
        self.restart()
        self.works()
        # It is a large one, checked beside the loop: this start booted.
        self.assertEqual(self.node.snapshot('f')['state'], 'ready')
        self.assertEqual(self.touched(), known)
        self.works()
        self.assertEqual(self.prepared(), known['pages'])

    def one(self, isolation):
        """An event or more, and the end of the instance."""
        self.works()
        if isolation == 'reset':
            self.works()  # finds all as it was
        wait_until(lambda: not self.node.function('f')['instances'], 'its end')

    def test_instances_that_stay_tell_as_well(self):
        for isolation in ('reuse', 'reset'):
            self.deploy(isolation, environment={'I': isolation}, idle_ms=100)
            def told():
                self.one(isolation)
                return self.touched()['state'] == 'prepared'
            wait_until(told, isolation)
            self.one(isolation)
            self.assertGreater(self.prepared(), 0)

    def test_few_are_not_prepared(self):
        self.deploy()
        self.assertEqual(self.learn('/3/1')['state'], 'few')
        self.works('/3/1')
        self.assertEqual(self.prepared(), 0)

    def test_what_two_events_do_not_have_in_common_is_not_prepared(self):
        self.deploy()
        self.works('/0/0')
        wait_until(self.files, 'the first sample')
        self.works('/1000/500')
        self.assertEqual(self.known('/1000/500')['state'], 'few')

    def test_it_is_corrected_by_later_events(self):
        """Whoever sends the first events does not make all later starts pay for theirs."""
        self.deploy()
        self.assertEqual(self.learn('/1000/500')['state'], 'prepared')
        before = self.prepared()
        for _ in range(LOOK_EVERY):
            self.works('/0/0')
        wait_until(lambda: self.touched()['state'] == 'few', 'another look')
        after = self.prepared()
        self.assertGreater(after, before)
        self.works('/0/0')
        self.assertEqual(self.prepared(), after)

    def test_a_small_snapshot_is_copied_and_nothing_is_looked_for(self):
        self.node.deploy('f', 'trouble', isolation='fresh')
        self.assertEqual(self.node.snapshot('f')['state'], 'ready')
        self.node.http('GET', '/function/f/count')
        self.assertIsNone(self.touched())
        self.assertEqual(self.files(), [])

    def damaged(self, change, running):
        self.deploy()
        known = self.learn()
        mark = len(self.node.log())
        if running:
            change(self.files()[0])
        else:
            self.restart(lambda: change(self.files()[0]))
        self.works()
        self.assertEqual(self.node.snapshot('f')['state'], 'ready')
        self.assertEqual(self.prepared(), 0)
        self.assertIn(b'touched.damaged', self.node.log()[mark:])
        self.assertEqual(self.known(), known)
        self.works()
        self.assertGreater(self.prepared(), 0)

    def flip(self, file, at=50):
        with open(file, 'r+b') as touched:
            touched.seek(at)
            byte = touched.read(1)[0]
            touched.seek(at)
            touched.write(bytes([byte ^ 0x10]))

    def test_one_changed_while_the_node_runs(self):
        self.damaged(self.flip, True)

    def test_one_removed_while_the_node_runs(self):
        self.damaged(os.unlink, True)

    def test_one_changed_while_the_node_was_away(self):
        self.damaged(self.flip, False)

    def test_runs_changed_while_the_node_was_away(self):
        self.damaged(lambda file: self.flip(file, 100), False)

    def test_one_cut_short(self):
        self.damaged(lambda file: os.truncate(file, os.path.getsize(file) - 8), False)

    def test_one_of_another_snapshot(self):
        self.deploy()
        self.learn()
        with open(self.files()[0], 'rb') as file:
            other = file.read()
        self.deploy(environment={'A': '1'})
        self.learn()
        (mine,) = self.files()  # the other one went with its version
        mark = len(self.node.log())

        def put():
            with open(mine, 'wb') as file:
                file.write(other)
        self.restart(put)
        self.works()
        self.assertEqual(self.node.snapshot('f')['touched'], {'state': 'wanted'})
        self.assertIn(b'of another snapshot', self.node.log()[mark:])
        self.works()

    def test_it_goes_with_its_snapshot(self):
        self.deploy()
        self.learn()
        self.node.api('DELETE', '/v1/functions/f')
        self.assertEqual(self.files(), [])

        def leave():
            with open(os.path.join(self.node.state, 'snapshots', '0' * 64 + '.touched'), 'wb'):
                pass
        self.restart(leave)
        self.assertEqual(self.files(), [])


class Rehearsed(unittest.TestCase):
    """A program that warms up (bodies of 600,000 bytes: 147 pages) does it again from its snapshot."""
    WARM_UP = '/size?n=600000'

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)

    def deploy(self, **settings):
        self.node.deploy('server', isolation='fresh', **settings)
        self.assertEqual(self.node.snapshot('server')['state'], 'ready')

    def touched(self):
        return self.node.function('server')['snapshot'].get('touched')

    def instances(self):
        wait_until(lambda: not self.node.api('GET', '/v1/node').json['counts']['rehearsing'], 'its end')
        return self.node.function('server')['instances']

    def count(self):
        answer = self.node.http('GET', '/function/server/count')
        self.assertEqual(answer.status, 200)
        return int(answer.body)

    def test_the_first_client_finds_its_pages_prepared(self):
        self.deploy(warm_up=self.WARM_UP)
        wait_until(lambda: self.touched()['state'] == 'prepared', 'what it touches')
        self.assertGreaterEqual(self.touched()['pages'], 147)
        self.assertFalse(self.instances())
        told = self.node.function('server')
        self.assertEqual(told['counters']['starts'], {'boot': 0, 'restore': 0})
        self.assertEqual(sum(line['text'] == 'listening' for line in self.node.logs('server')), 1)
        self.assertEqual(self.count(), 1)  # the warm-up before the freeze, and no other
        self.assertIn(f'mayfly_prepared_pages_total{{function="server"}} {told["snapshot"]["touched"]["pages"]}\n',
                      self.node.api('GET', '/metrics').body.decode())

    def test_an_event_of_lambda_is_one_as_well(self):
        self.node.deploy('bootstrap', contract='lambda', isolation='fresh',
                         warm_up=json.dumps('x' * 1000))
        self.assertEqual(self.node.snapshot('bootstrap')['state'], 'ready')
        wait_until(lambda: self.node.function('bootstrap')['snapshot'].get('touched', {}).get('state') != 'wanted',
                   'what it touches')

    def test_without_a_warm_up_there_is_none(self):
        self.deploy(environment={'FILL': '1'})
        self.assertIn(self.touched(), (None, {'state': 'wanted'}))
        self.assertFalse(self.instances())

    def test_one_that_ends_or_asks_for_something_is_left_alone(self):
        for path, why in (('/once', 'exited'), ('/outside', 'outside')):
            # All of its buffer for bodies is in the snapshot, which is therefore mapped.
            self.deploy(warm_up=path, environment={'FILL': '1'},
                        allow={'http': ['192.0.2.1:9']})
            wait_until(lambda: any('broke off: ' in line['text'] and why in line['text']
                                   for line in self.node.logs('server')), path)
            self.assertFalse(self.instances())
            self.assertEqual(self.touched(), {'state': 'wanted'}, path)
            self.assertEqual(self.count(), 1)
            self.assertFalse([line for line in self.node.logs('server') if line['level'] in ('warn', 'error')])

    def test_a_removal_and_the_end_of_the_node_end_it(self):
        self.deploy(warm_up=self.WARM_UP)
        self.node.api('DELETE', '/v1/functions/server')
        self.deploy(warm_up=self.WARM_UP)
        self.node.stop()


if __name__ == '__main__':
    harness.main()
