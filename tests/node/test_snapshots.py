"""Snapshots of functions: made, kept, checked, given up, collected."""
import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

import harness
from harness import Node, wait_until

KILLS = 12
SEED = 7


def files(node):
    return sorted(os.listdir(os.path.join(node.state, 'snapshots')))


def path(node):
    """Of the only one."""
    (name,) = files(node)
    return os.path.join(node.state, 'snapshots', name)


def inspect(file):
    done = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'inspect', '--json', file],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)

    def works(self, name='f', count=b'1'):
        answer = self.node.http('GET', f'/function/{name}/count')
        self.assertEqual((answer.status, answer.body), (200, count))

    def starts(self, name='f'):
        starts = self.node.function(name)['counters']['starts']
        return starts['boot'], starts['restore']

    def deploy(self, **settings):
        self.node.deploy('f', 'trouble', **settings)
        made = self.node.snapshot('f')
        self.assertEqual(made['state'], 'ready', made)
        return made

    def restart(self, meanwhile=lambda: None):
        self.node.stop()
        meanwhile()
        self.node.start()

    def test_deployment_makes_one_and_starts_use_it(self):
        made = self.deploy()
        self.assertGreater(made['pages'], 0)
        self.assertGreater(made['bytes'], 0)
        self.assertEqual(os.stat(path(self.node)).st_mode & 0o777, 0o600)
        self.works()
        self.assertEqual(self.starts(), (0, 1))
        self.assertTrue(any('snapshot made' in line['text'] for line in self.node.logs('f')))
        text = self.node.api('GET', '/metrics').body.decode()
        self.assertIn('mayfly_snapshots{state="ready"} 1', text)
        self.assertIn(f'mayfly_snapshot_bytes{{function="f"}} {made["bytes"]}', text)

    def test_it_outlives_the_node(self):
        made = self.deploy()
        self.restart()
        self.assertEqual(self.node.function('f')['snapshot'], {'state': 'unchecked'})
        self.works()
        self.assertEqual(self.starts(), (0, 1))
        self.assertEqual(self.node.function('f')['snapshot'], made)

    def test_one_made_by_the_other_sandbox_has_another_name_or_restores(self):
        other = {'kvm': 'process', 'process': 'kvm'}[harness.ARGS.sandbox]
        if not self.node.api('GET', '/v1/node').json['sandboxes'][other]['usable']:
            self.skipTest(f'{other} does not work here')
        self.deploy()
        self.deploy(sandbox=other)
        self.works()
        self.assertEqual(self.starts(), (0, 1))
        self.assertEqual(len(files(self.node)), 1)

    def damaged(self, change):
        """The node's next life notices, works, says so, and makes another one."""
        made = self.deploy()
        self.restart(lambda: change(path(self.node)))
        mark = len(self.node.log())
        self.works()
        self.assertEqual(self.starts(), (1, 0))
        again = wait_until(lambda: self.node.snapshot('f')['state'] == 'ready' and
                           self.node.snapshot('f'), 'another one')
        self.assertEqual(again['pages'], made['pages'])
        self.assertIn(b'snapshot.damaged fn=f', self.node.log()[mark:])
        self.assertEqual(inspect(path(self.node))[0], 0)
        self.node.deploy('f', 'trouble', isolation='fresh')
        self.works()
        self.assertEqual(self.starts()[1], 1)

    def test_one_cut_short(self):
        self.damaged(lambda file: os.truncate(file, os.path.getsize(file) - 4096))

    def test_an_empty_one(self):
        self.damaged(lambda file: os.truncate(file, 0))

    def flip(self, file, offset):
        with open(file, 'r+b') as snapshot:
            snapshot.seek(offset)
            byte = snapshot.read(1)[0]
            snapshot.seek(offset)
            snapshot.write(bytes([byte ^ 0x10]))

    def test_a_changed_byte_of_a_page(self):
        def change(file):
            code, text = inspect(file)
            self.assertEqual(code, 0)
            address = int(re.search(r'"runs": \[\s*{\s*"address": (\d+)', text).group(1))
            self.flip(file, address + 123)
            code, text = inspect(file)
            self.assertEqual(code, 1)
            self.assertIn('"holds": false', text)
        self.damaged(change)

    def test_a_changed_byte_of_its_head(self):
        self.damaged(lambda file: self.flip(file, 20))

    def test_one_of_another_function_under_its_name(self):
        self.node.deploy('g', 'echo')
        self.assertEqual(self.node.snapshot('g')['state'], 'ready')
        other = path(self.node)
        kept = os.path.join(self.node.state, 'kept')
        shutil.copy(other, kept)
        self.node.api('DELETE', '/v1/functions/g')
        self.damaged(lambda file: shutil.copy(kept, file))

    def test_no_snapshot_at_all_under_its_name(self):
        def change(file):
            with open(file, 'wb') as snapshot:
                snapshot.write(b'not one' * 1000)
        self.damaged(change)

    def test_one_changed_while_the_node_runs(self):
        self.deploy(isolation='fresh')
        self.works()
        self.flip(path(self.node), 20)
        self.works()
        self.assertEqual(self.starts(), (1, 1))
        wait_until(lambda: self.node.snapshot('f')['state'] == 'ready', 'another one')
        self.works()
        self.assertEqual(self.starts(), (1, 2))

    def test_one_removed_while_the_node_runs(self):
        self.deploy(isolation='fresh')
        os.unlink(path(self.node))
        self.works()
        wait_until(lambda: self.node.snapshot('f')['state'] == 'ready', 'another one')
        self.works()
        self.assertEqual(self.starts(), (1, 1))

    def test_one_touched_while_the_node_runs_is_checked_again(self):
        self.deploy(isolation='fresh')
        os.utime(path(self.node))
        self.works()
        self.assertEqual(self.starts(), (0, 1))

    def test_what_no_function_has_is_removed(self):
        self.deploy()
        first = files(self.node)
        self.deploy(environment={'A': '1'})
        self.assertEqual(len(files(self.node)), 1)
        self.assertNotEqual(files(self.node), first)
        self.node.deploy('same', 'trouble', environment={'A': '1'})
        self.assertEqual(self.node.snapshot('same')['state'], 'ready')
        self.assertEqual(len(files(self.node)), 1)
        self.node.api('DELETE', '/v1/functions/f')
        self.assertEqual(len(files(self.node)), 1)
        self.node.api('DELETE', '/v1/functions/same')
        self.assertEqual(files(self.node), [])

    def test_the_next_start_sweeps(self):
        self.deploy()
        mine = files(self.node)
        folder = os.path.join(self.node.state, 'snapshots')

        def leave():
            for name in ('.tmp-' + mine[0], '0' * 64 + '.snap'):
                with open(os.path.join(folder, name), 'wb') as file:
                    file.write(b'x')
        self.restart(leave)
        self.assertEqual(files(self.node), mine)

    def none_and_why(self, reason, **settings):
        self.node.deploy('f', 'trouble', **settings)
        told = wait_until(lambda: next((s for s in [self.node.function('f')['snapshot']]
                                        if s['state'] != 'making'), None), 'an end of it')
        self.assertEqual(told['state'], 'none')
        self.assertIn(reason, told['reason'])
        self.assertTrue(any('no snapshot' in line['text'] and reason in line['text']
                            for line in self.node.logs('f')))
        self.assertEqual(files(self.node), [])

    def test_an_init_that_faults_leaves_it_deployed(self):
        self.none_and_why('before its first wait', environment={'TROUBLE_INIT': 'abort'})
        self.assertEqual(self.node.http('GET', '/function/f/count').status, 502)
        self.assertEqual(self.node.function('f')['counters']['starts']['restore'], 0)

    def test_an_init_that_never_ends_leaves_it_deployed(self):
        self.none_and_why('did not wait for an event', timeout_ms=500,
                          environment={'TROUBLE_INIT': 'spin'})
        self.assertEqual(self.node.http('GET', '/function/f/count').status, 504)

    def test_one_that_is_made_hinders_nobody(self):
        self.node.deploy('slow', 'trouble', environment={'TROUBLE_INIT': 'spin'})
        self.assertEqual(self.node.function('slow')['snapshot'], {'state': 'making'})
        self.node.deploy('f', 'trouble')
        self.works()  # by booting: the freezer is not its turn yet
        self.assertEqual(self.starts(), (1, 0))
        # Another version ends what is being made of this one.
        self.node.deploy('slow', 'echo')
        self.assertEqual(self.node.snapshot('f')['state'], 'ready')
        self.assertEqual(self.node.snapshot('slow')['state'], 'ready')
        self.assertEqual(len(files(self.node)), 2)

    def test_a_removed_function_takes_it_along(self):
        self.node.deploy('slow', 'trouble', environment={'TROUBLE_INIT': 'spin'})
        self.node.api('DELETE', '/v1/functions/slow')
        self.deploy()
        self.assertEqual(len(files(self.node)), 1)

    def test_its_maker_killed_while_it_boots(self):
        self.node.deploy('slow', 'trouble', environment={'TROUBLE_INIT': 'spin'})
        wait_until(lambda: self.node.api('GET', '/v1/node').json['counts']['freezing'] == 1,
                   'its making')
        node = self.node.process.pid
        with open(f'/proc/{node}/task/{node}/children') as file:  # its only one
            os.kill(int(file.read().split()[0]), signal.SIGKILL)
        wait_until(lambda: self.node.function('slow')['snapshot']['state'] == 'none', 'its end')
        self.deploy()
        self.works()

    def test_a_stop_while_one_is_made(self):
        self.node.deploy('slow', 'trouble', environment={'TROUBLE_INIT': 'spin'})
        self.restart()
        self.assertEqual(files(self.node), [])

    def test_a_full_disk_leaves_it_deployed(self):
        """The disk is a file system of its own, filled up once the function is deployed."""
        state = harness.small_disk(self, 16)
        node = Node(state=state)
        try:
            node.deploy('f', 'trouble')
            node.snapshot('f')
            node.stop()
            for name in files(node):
                os.unlink(os.path.join(state, 'snapshots', name))
            node.start()
            with open(os.path.join(state, 'filler'), 'wb', buffering=0) as filler:
                with self.assertRaises(OSError):
                    while True:
                        filler.write(b'x' * 4096)
            answer = node.http('GET', '/function/f/count')
            self.assertEqual((answer.status, answer.body), (200, b'1'))
            told = node.snapshot('f')
            self.assertEqual(told['state'], 'none', told)
            self.assertIn('disk is full', told['reason'])
            self.assertIn(b'snapshot.none fn=f', node.log())
            self.assertEqual(node.http('GET', '/function/f/count').body, b'2')
            self.assertEqual(files(node), [])
            os.unlink(os.path.join(state, 'filler'))
        finally:
            node.close()

    def test_killed_at_any_moment(self):
        """Functions are there afterwards, and work; what has a name is whole."""
        chance = random.Random(SEED)
        image = self.node.upload('trouble')
        for kill in range(KILLS):
            for i in range(4):
                settings = {'sandbox': harness.ARGS.sandbox, 'isolation': 'fresh',
                            'environment': {'N': f'{kill}.{i}'}}
                self.node.api('PUT', f'/v1/functions/f{i}', {'image': image, 'settings': settings})
            time.sleep(chance.random() * 0.03)
            self.node.process.kill()
            self.node.process.wait()
            self.node.start()
            self.assertFalse([name for name in files(self.node) if name.startswith('.')])
            for name in files(self.node):
                file = os.path.join(self.node.state, 'snapshots', name)
                self.assertEqual(inspect(file)[0], 0, name)
            for i in range(4):
                self.works(f'f{i}')
        self.assertNotIn(b'snapshot.damaged', self.node.log())


if __name__ == '__main__':
    harness.main()
