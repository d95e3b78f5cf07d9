"""Workflows: functions that are deployed together, all or none; versions, rollbacks, kills."""
import concurrent.futures
import glob
import http.client
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import harness
from harness import Node, NodeTest, PATIENCE_S, wait_until
from sinks import Gate
from test_async import delivered
from test_outputs import output_id

KILLS = 40
SEED = 3


def step(node, image='step', **settings):
    """A function's entry, its image uploaded."""
    environment = settings.pop('environment', {})
    settings.setdefault('isolation', 'reuse')
    settings.setdefault('sandbox', harness.ARGS.sandbox)
    settings.setdefault('wait_ms', PATIENCE_S * 1000)
    return {'image': node.upload(image), 'settings': dict(settings, environment=environment)}


def put(node, name, query='', **functions):
    return node.api('PUT', f'/v1/workflows/{name}{query}', {'functions': functions})


def changes(answer):
    assert answer.status in (200, 201), answer.body
    return {c['function']: c['change'] for c in answer.json['changes']}


def names(node):
    return sorted(f['name'] for f in node.api('GET', '/v1/functions').json['functions'])


def images(node):
    return {os.path.basename(p)[:-3] for p in glob.glob(os.path.join(node.state, 'images', '*.mf'))}


class Workflows(NodeTest):
    def tearDown(self):
        for kept in self.node.api('GET', '/v1/workflows').json['workflows']:
            self.node.api('DELETE', '/v1/workflows/' + kept['name'])
        for name in names(self.node):
            self.node.api('DELETE', '/v1/functions/' + name)

    def test_added_changed_removed_unchanged(self):
        node = self.node
        answer = put(node, 'w', a=step(node, then=['b']), b=step(node), c=step(node))
        self.assertEqual((answer.status, answer.json['version'], answer.json['changed']), (201, 1, True))
        self.assertEqual(changes(answer), {'a': 'added', 'b': 'added', 'c': 'added'})
        self.assertEqual(names(node), ['a', 'b', 'c'])
        self.assertEqual(node.function('a')['workflow'], 'w')
        pid = node.http('POST', '/function/b', b'1').status and node.instance_pid('b')
        answer = put(node, 'w', a=step(node, then=['b', 'd'], memory_mib=32), b=step(node), d=step(node, 'echo'))
        self.assertEqual((answer.status, answer.json['version']), (200, 2))
        self.assertEqual(changes(answer), {'a': 'changed', 'b': 'unchanged', 'd': 'added', 'c': 'removed'})
        told = answer.json['changes'][0]['differences']
        self.assertEqual(told, [{'key': 'memory_mib', 'from': 64, 'to': 32},
                                {'key': 'then', 'from': ['b'], 'to': ['b', 'd']}])
        self.assertEqual(names(node), ['a', 'b', 'd'])
        self.assertEqual(node.instance_pid('b'), pid)  # it was left alone
        self.assertEqual(node.http('POST', '/function/c', b'1').status, 404)
        again = put(node, 'w', a=step(node, then=['b', 'd'], memory_mib=32), b=step(node), d=step(node, 'echo'))
        self.assertEqual((again.json['version'], again.json['changed']), (2, False))
        self.assertEqual(set(changes(again).values()), {'unchanged'})
        kept = node.api('GET', '/v1/workflows/w').json
        self.assertEqual([v['version'] for v in kept['versions']], [2, 1])

    def test_a_dry_run_has_no_effect(self):
        node = self.node
        def all_there_is():
            return sorted((p, os.path.getmtime(p)) for part in ('functions', 'workflows', 'images')
                          for p in glob.glob(os.path.join(node.state, part, '*')))
        before = all_there_is()
        image = 'f' * 64  # of one that is not here
        answer = put(node, 'dry', '?dry_run=1', a={'image': image, 'settings': {'memory_mib': 16}, 'manifest':
                                                   {'name': 'x', 'memory_mib': 8}})
        self.assertEqual((answer.status, answer.json['dry_run'], changes(answer)), (200, True, {'a': 'added'}))
        put(node, 'dry', a=step(node, memory_mib=16))
        before = all_there_is()
        answer = put(node, 'dry', '?dry_run=1', a={'image': image, 'settings': {}, 'manifest': {'memory_mib': 8}},
                     b=step(node))
        self.assertEqual(changes(answer), {'a': 'changed', 'b': 'added'})
        self.assertIn({'key': 'memory_mib', 'from': 16, 'to': 8}, answer.json['changes'][0]['differences'])
        self.assertEqual(answer.json['version'], 1)
        self.assertEqual(changes(node.api('DELETE', '/v1/workflows/dry?dry_run=1')), {'a': 'removed'})
        self.assertEqual(all_there_is(), before)
        self.assertEqual(names(node), ['a'])
        bad = put(node, 'dry', '?dry_run=1', a={'image': image, 'settings': {}, 'manifest': {'memory_mib': 1}})
        self.assertEqual(bad.status, 400)

    def test_a_deploy_that_fails_changes_nothing(self):
        node = self.node
        put(node, 'w', a=step(node), b=step(node, memory_mib=32))
        before = node.api('GET', '/v1/workflows/w').body
        missing = {'image': 'e' * 64, 'settings': {}}
        for bad, words in (({'a': step(node, memory_mib=16), 'c': missing}, 'c: image ' + 'e' * 64),
                           ({'a': step(node, memory_mib=16), 'b': step(node, timeout_ms=0)}, 'b: timeout_ms'),
                           ({'a': step(node, memory_mib=16), 'B': step(node)}, 'functions: a name has'),
                           ({'a': step(node), 'b': {'image': 'x', 'settings': {}}}, 'b: image: missing, or not'),
                           ({'a': step(node), 'b': {'image': 'e' * 64}}, 'b: settings'),
                           ({'a': dict(step(node), manifest={})}, 'a: manifest: only beside dry_run'),
                           ({'a': dict(step(node), more=1)}, 'a: image and settings belong there'),
                           ({}, 'functions: an object'),
                           ({f'f{i}': missing for i in range(129)}, 'of 1 to 128')):
            answer = put(node, 'w', **bad)
            self.assertEqual(answer.status, 400, answer.body)
            self.assertIn(words, answer.error['message'])
        self.assertEqual(node.api('PUT', '/v1/workflows/w', '{').status, 400)
        self.assertEqual(node.api('PUT', '/v1/workflows/w', '[]').status, 400)
        self.assertEqual(node.api('PUT', '/v1/workflows/w', '{"function": {}}').status, 400)
        self.assertEqual(node.api('PUT', '/v1/workflows/No', {'functions': {'a': step(node)}}).status, 400)
        self.assertEqual(node.api('GET', '/v1/workflows/w').body, before)
        self.assertEqual(names(node), ['a', 'b'])
        self.assertEqual(node.function('a')['settings']['memory_mib'], 64)

    def test_two_workflows_share_what_is_alike(self):
        node = self.node
        put(node, 'one', a=step(node, then=['alert']), alert=step(node))
        answer = put(node, 'two', b=step(node, then=['alert']), alert=step(node, memory_mib=32))
        self.assertEqual((answer.status, answer.error['code']), (409, 'conflict'))
        self.assertIn('alert: workflow one has a function of that name', answer.error['message'])
        self.assertEqual(names(node), ['a', 'alert'])
        self.assertEqual(changes(put(node, 'two', b=step(node, then=['alert']), alert=step(node))),
                         {'b': 'added', 'alert': 'unchanged'})
        # Neither can change it alone now, nor take it away.
        self.assertEqual(put(node, 'one', a=step(node), alert=step(node, memory_mib=32)).status, 409)
        self.assertEqual(changes(node.api('DELETE', '/v1/workflows/one')), {'a': 'removed', 'alert': 'kept'})
        self.assertEqual(names(node), ['alert', 'b'])
        self.assertEqual(changes(node.api('DELETE', '/v1/workflows/two')), {'b': 'removed', 'alert': 'removed'})
        self.assertEqual(names(node), [])
        self.assertEqual(node.api('GET', '/v1/workflows/two').status, 404)

    def test_functions_change_with_their_workflow(self):
        node = self.node
        put(node, 'w', a=step(node))
        answer = node.api('PUT', '/v1/functions/a', step(node))
        self.assertEqual(answer.status, 409)
        self.assertIn('belongs to workflow w', answer.error['message'])
        answer = node.api('DELETE', '/v1/functions/a')
        self.assertEqual(answer.status, 409)
        self.assertIn('`mayfly rm --workflow w`', answer.error['message'])

    def test_a_function_that_was_deployed_by_itself_is_taken_over(self):
        node = self.node
        node.deploy('plain', 'step', memory_mib=32)
        file = os.path.join(node.state, 'functions', 'plain.json')
        with open(file, 'rb') as record:
            text = record.read()
        self.assertEqual(changes(put(node, 'w', plain=step(node))), {'plain': 'changed'})
        self.assertFalse(os.path.exists(file))
        # A node that ended before the file was removed: the workflow has the function.
        node.stop()
        with open(file, 'wb') as record:
            record.write(text)
        node.start()
        self.assertEqual(node.function('plain')['settings']['memory_mib'], 64)
        self.assertFalse(os.path.exists(file))

    def test_versions_and_rollback(self):
        node = self.node
        for mib in range(16, 28):
            put(node, 'w', a=step(node, memory_mib=mib))
        kept = node.api('GET', '/v1/workflows/w').json
        self.assertEqual([v['version'] for v in kept['versions']], list(range(12, 2, -1)))
        def back(**to):
            return node.api('POST', '/v1/workflows/w/rollback', to)
        answer = back()
        self.assertEqual((answer.status, answer.json['version']), (200, 13))
        self.assertEqual(node.function('a')['settings']['memory_mib'], 26)
        back()  # of the rollback
        self.assertEqual(node.function('a')['settings']['memory_mib'], 27)
        self.assertEqual(back(to=5).json['version'], 15)
        self.assertEqual(node.function('a')['settings']['memory_mib'], 20)
        self.assertEqual(node.api('GET', '/v1/workflows/w').json['versions'][0]['back_to'], 5)
        answer = back(to=2)
        self.assertEqual(answer.status, 404)
        self.assertIn('version 2 of w is not kept', answer.error['message'])
        for bad in ({'to': 0}, {'to': 'x'}, {'two': 1}):
            self.assertEqual(node.api('POST', '/v1/workflows/w/rollback', bad).status, 400)
        self.assertEqual(node.api('POST', '/v1/workflows/no/rollback').status, 404)
        put(node, 'first', b=step(node))
        answer = node.api('POST', '/v1/workflows/first/rollback')
        self.assertIn('no version before version 1 of first', answer.error['message'])

    def test_images_of_kept_versions_stay(self):
        node = self.node
        echo, trouble = node.upload('echo'), node.upload('trouble')
        put(node, 'w', a=step(node, 'echo'))
        put(node, 'w', a=step(node, 'trouble'))
        self.assertLessEqual({echo, trouble}, images(node))
        node.stop()
        node.start()
        self.assertLessEqual({echo, trouble}, images(node))
        node.api('POST', '/v1/workflows/w/rollback')
        self.assertEqual(node.function('a')['image'], echo)
        self.assertEqual(node.http('POST', '/function/a', b'x').body, b'x')
        for mib in range(16, 26):
            put(node, 'w', a=step(node, 'echo', memory_mib=mib))
        self.assertIn(echo, images(node))
        self.assertNotIn(trouble, images(node))
        self.assertEqual(node.api('GET', '/v1/images/' + echo).status, 200)
        self.assertEqual(node.api('GET', '/v1/images/' + trouble).status, 404)
        node.api('DELETE', '/v1/workflows/w')
        self.assertNotIn(echo, images(node))

    def test_images_before_functions_that_are_taken_over_go(self):
        """As they were, or changed: the image of the version before is nobody's any more."""
        node = self.node
        for last in ('trouble', 'step'):
            for image in ('echo', 'trouble'):
                function = step(node, image)
                self.assertIn(node.api('PUT', '/v1/functions/a', function).status, (200, 201))
            echo = node.upload('echo')
            put(node, 'w', a=step(node, last))
            self.assertNotIn(echo, images(node), last)
            node.api('DELETE', '/v1/workflows/w')

    def test_a_restart_finds_all(self):
        node = self.node
        put(node, 'w', a=step(node, then=['b']), b=step(node, memory_mib=16))
        put(node, 'w', a=step(node, then=['b']), b=step(node))
        put(node, 'v', b=step(node), c=step(node))
        node.deploy('plain', 'echo')
        before = node.api('GET', '/v1/workflows').json
        node.stop()
        node.start()
        by_name = lambda told: sorted(told['workflows'], key=lambda w: w['name'])
        self.assertEqual(by_name(node.api('GET', '/v1/workflows').json), by_name(before))
        self.assertEqual(names(node), ['a', 'b', 'c', 'plain'])
        self.assertEqual(node.function('a')['settings']['then'], ['b'])
        self.assertEqual(node.http('POST', '/function/b', b'x').status, 200)

    def test_a_damaged_record_is_told_and_nothing_is_collected(self):
        node = self.node
        trouble = node.upload('trouble')
        put(node, 'w', a=step(node, 'trouble'))
        put(node, 'v', b=step(node, 'echo'))
        node.stop()
        path = os.path.join(node.state, 'workflows', 'w.json')
        with open(path) as file:
            text = file.read()
        for bad in ('{', '{}', text.replace('"version": 1', '"version": 0'), text.replace('"image"', '"imag"')):
            with open(path, 'w') as file:
                file.write(bad)
            node.start()
            self.assertEqual(names(node), ['b'])
            self.assertIn(b'workflow.skipped file=workflows/w.json', node.log())
            self.assertIn(trouble, images(node))
            node.stop()
        with open(path, 'w') as file:
            file.write(text)
        node.start()
        self.assertEqual(names(node), ['a', 'b'])

    def test_what_waits_for_a_function_that_goes_is_told(self):
        node = self.node
        gate = Gate()
        self.addCleanup(gate.close)
        put(node, 'w', a=step(node), gone=step(node, max_instances=1, environment={'HOLD': gate.url()}, **gate.settings))
        for _ in range(4):
            node.http('POST', '/async-function/gone', b'1')
        answer = put(node, 'w', a=step(node))
        told = next(c for c in answer.json['changes'] if c['function'] == 'gone')
        self.assertEqual((told['change'], told['waiting']), ('removed', 4))
        self.assertGreaterEqual(node.api('GET', '/v1/queues/gone').json['count'], 3)
        node.api('DELETE', '/v1/queues/gone/entries')

    def test_one_change_at_a_time(self):
        node = self.node
        def deploy(number):
            return put(node, f'w{number % 2}', **{f'a{number}': entry, 'both': entry}).status
        entry = step(node)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = set(pool.map(deploy, range(40)))
        self.assertLessEqual(statuses, {200, 201, 503})
        kept = {w['name']: sorted(w['versions'][0]['functions']) for w in
                node.api('GET', '/v1/workflows').json['workflows']}
        self.assertEqual(names(node), sorted(set(sum(kept.values(), []))))

    def test_a_timer_begins_a_chain(self):
        """It comes and goes with its workflow's versions."""
        node = self.node
        def started(name):
            return node.function(name)['counters']['started']
        put(node, 'w', tick=step(node, triggers=[{'every': '100ms'}], then=['b']), b=step(node))
        wait_until(lambda: started('b') >= 3, 'three events')
        put(node, 'w', tick=step(node, then=['b']), b=step(node))
        wait_until(lambda: all(node.api('GET', '/v1/queues/' + n).json['count'] == 0 for n in ('tick', 'b')), 'rest')
        before = started('b')
        time.sleep(0.5)
        self.assertEqual(started('b'), before)
        node.api('POST', '/v1/workflows/w/rollback')
        wait_until(lambda: started('b') > before, 'events again')


class Bounds(NodeTest):
    OPTIONS = ('--functions-max', '3')

    def test_functions_of_a_node(self):
        node = self.node
        node.deploy('plain', 'echo')
        entry = step(node)
        self.assertEqual(put(node, 'w', a=entry, b=entry).status, 201)
        answer = put(node, 'w', a=entry, b=entry, c=entry)
        self.assertEqual(answer.status, 507)
        self.assertIn('--functions-max of 3', answer.error['message'])
        self.assertEqual(put(node, 'w', a=entry, b=entry, plain=step(node)).status, 200)
        self.assertEqual(names(node), ['a', 'b', 'plain'])


class Disk(unittest.TestCase):
    def test_a_full_disk(self):
        """Nothing of it is there; when there is room, all of it is."""
        node = Node(state=harness.small_disk(self, 24))
        try:
            put(node, 'w', a=step(node))
            node.snapshot('a')
            used = os.listdir(os.path.join(node.state, 'images'))
            node.upload('told')  # of a deployment that came no further
            entry = dict(step(node), settings={'description': 'd' * 250})
            filler = open(os.path.join(node.state, 'filler'), 'wb', buffering=0)
            with self.assertRaises(OSError):
                while True:
                    filler.write(b'x' * 4096)
            answer = put(node, 'w', **{f'f{i}': entry for i in range(64)})
            self.assertEqual(answer.status, 507, answer.body)
            self.assertEqual(names(node), ['a'])
            self.assertEqual(os.listdir(os.path.join(node.state, 'images')), used)
            filler.close()
            os.unlink(os.path.join(node.state, 'filler'))
            node.stop()
            node.start()
            self.assertEqual(names(node), ['a'])
            self.assertEqual(put(node, 'w', a=step(node), b=step(node)).status, 200)
        finally:
            node.close()


class UnderLoad(unittest.TestCase):
    """a → b → c; versions come and go while events do."""

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.accepted, self.stop = [], threading.Event()

    def version(self, number):
        node = self.node
        tag = {'STEP': f' v{number}'}
        often = {'environment': tag, 'attempts_max': 100}  # one event may be in hand at many kills
        return {'a': step(node, then=['b'], **often), 'b': step(node, then=['c'], **often), 'c': step(node, **often)}

    def sender(self):
        while not self.stop.wait(0.02):
            call = str(uuid.uuid4())
            try:
                answer = self.node.http('POST', '/async-function/a', b'0', {'X-Call-Id': call}, timeout=5)
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
                continue
            if answer.status == 202:
                self.accepted.append(call)

    def run_beside(self, work, senders=3):
        threads = [threading.Thread(target=self.sender) for _ in range(senders)]
        for thread in threads:
            thread.start()
        try:
            work()
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def all_there(self, again):
        for name in 'abc':
            queue = wait_until(lambda: (q := self.node.api('GET', '/v1/queues/' + name).json)['count'] == 0 and q,
                               'an empty queue', 3 * PATIENCE_S)
            self.assertEqual(queue['dead'], 0)
        ran = {name: delivered(self.node, name) for name in 'abc'}
        for call in self.accepted:
            second = output_id(call, 'a', 'b')
            third = output_id(second, 'b', 'c')
            for name, each in (('a', call), ('b', second), ('c', third)):
                self.assertIn(each, ran[name])
                if not again:
                    self.assertEqual(len(ran[name][each]), 1, (name, each))

    def test_rollbacks_lose_nothing(self):
        """Nor does anything run twice: instances of the old version end what they began."""
        node = self.node
        self.assertEqual(put(node, 'w', **self.version(1)).status, 201)
        self.assertEqual(put(node, 'w', **self.version(2)).status, 200)
        def swap():
            for _ in range(12):
                enough = len(self.accepted) + 5
                time.sleep(0.15)
                wait_until(lambda enough=enough: len(self.accepted) >= enough, 'events')
                answer = node.api('POST', '/v1/workflows/w/rollback')
                self.assertEqual(answer.status, 200, answer.body)
        self.run_beside(swap)
        self.assertGreater(len(self.accepted), 50)
        self.all_there(again=False)

    def test_kills_while_it_deploys(self):
        """Whenever the node dies, the next start has one version whole; events are all there."""
        node, chance = self.node, random.Random(SEED)
        put(node, 'w', **self.version(0))
        entries = [dict(self.version(n), **{f'only-{n}': step(node, memory_mib=16 + n)}) for n in range(2)]
        seen, begun = set(), time.monotonic()
        put(node, 'w', **entries[1])
        takes = time.monotonic() - begun  # as fast as this machine is now
        def whole():
            kept = node.api('GET', '/v1/workflows/w').json['versions'][0]
            found = {f: (node.function(f)['image'], node.function(f)['settings']['environment'].get('STEP'))
                     for f in kept['functions']}
            self.assertEqual(names(node), sorted(kept['functions']))
            self.assertEqual(len({tag for f, (_, tag) in found.items() if f in 'abc'}), 1, found)
            seen.add(kept['version'])
            return kept['version']
        def rounds():
            for number in range(KILLS):
                before = whole()
                answer = []
                def deploy():
                    try:
                        answer.append(put(node, 'w', **entries[number % 2]))
                    except (OSError, http.client.HTTPException):
                        pass
                thread = threading.Thread(target=deploy)
                thread.start()
                late = 1 if 8 * len(seen) > number else 8  # than it was then, on a machine that others use
                time.sleep(chance.random() * takes * (1 + number % 4) * late)
                node.process.kill()
                node.process.wait()
                thread.join()
                node.start()
                after = whole()
                self.assertIn(after - before, (0, 1))
                if answer and answer[0].status == 200 and answer[0].json['changed']:
                    self.assertEqual(after, before + 1)  # what was answered is kept
        self.run_beside(rounds, senders=1)
        print(f'{len(seen)} versions of {KILLS} deployments survived their kill')
        self.assertGreater(len(seen), 2)
        self.all_there(again=True)


class Steps(unittest.TestCase):
    """The node dies before each call that changes files, one after the other."""

    def setUp(self):
        if harness.sanitized():
            self.skipTest('a sanitizer wants to be loaded first')
        folder = tempfile.mkdtemp(prefix='mf-end-at-')
        self.addCleanup(os.rmdir, folder)
        self.arm = os.path.join(folder, 'n')
        os.environ['LD_PRELOAD'] = os.path.join(harness.ARGS.build, 'tests', 'node', 'mf_end_at.so')
        os.environ['MF_END_AT'] = self.arm
        self.addCleanup(os.environ.pop, 'LD_PRELOAD')
        self.addCleanup(os.environ.pop, 'MF_END_AT')
        self.node = Node()
        self.addCleanup(self.node.close)

    def arm_for(self, number):
        with open(self.arm + '.new', 'w') as file:
            file.write(str(number))
        os.rename(self.arm + '.new', self.arm)

    def alive_after(self, number, change):
        """change(), with the node to die at that step; did it live?"""
        self.arm_for(number)
        try:
            answer = change()
            self.assertEqual(answer.status, 200, answer.body)
            self.node.api('GET', '/v1/node')
        except (OSError, http.client.HTTPException):
            answer = None
        if answer:
            self.arm_for(-1)  # not at its end
            self.node.process.send_signal(signal.SIGTERM)
        lived = self.node.process.wait() == 0
        if os.path.exists(self.arm):
            os.unlink(self.arm)
        self.node.start()
        return lived

    def state(self):
        found = self.node.api('GET', '/v1/functions').json['functions']
        return ({f['name']: f['settings']['memory_mib'] for f in found},
                {w['name']: w['version'] for w in self.node.api('GET', '/v1/workflows').json['workflows']})

    def all_steps(self, prepare, change, before, after):
        died = 0
        for number in range(100):
            prepare()
            self.assertEqual(self.state()[0], before)
            lived = self.alive_after(number, change)
            self.assertIn(self.state()[0], (after,) if lived else (before, after))
            files = sorted(os.path.basename(p) for p in glob.glob(os.path.join(self.node.state, 'functions', '*')))
            self.assertEqual(files, [] if self.state()[0] == after else ['plain.json'] * ('plain' in before))
            if lived:
                break
            died += 1
        else:
            self.fail('it never lived')
        return died

    def test_a_deployment(self):
        """Of a workflow whose new version takes a function over, changes one, loses one."""
        node = self.node
        entry = {mib: step(node, memory_mib=mib) for mib in (16, 32)}
        def prepare():
            node.api('DELETE', '/v1/workflows/w')
            node.deploy('plain', 'step', memory_mib=24)
            assert put(node, 'w', a=entry[16], b=entry[16]).status == 201
        died = self.all_steps(prepare, lambda: put(node, 'w', a=entry[32], plain=entry[32]),
                              {'a': 16, 'b': 16, 'plain': 24}, {'a': 32, 'plain': 32})
        self.assertGreaterEqual(died, 5)  # fsync, rename, fsync, unlink, fsync

    def test_a_rollback_and_a_removal(self):
        node = self.node
        entry = {mib: step(node, memory_mib=mib) for mib in (16, 32)}
        def prepare():
            node.api('DELETE', '/v1/workflows/w')
            node.upload('step')  # the image went with the last one that used it
            put(node, 'w', a=entry[16])
            put(node, 'w', a=entry[32], b=entry[32])
        before = {'a': 32, 'b': 32}
        self.assertGreaterEqual(self.all_steps(prepare, lambda: node.api('POST', '/v1/workflows/w/rollback'),
                                               before, {'a': 16}), 3)
        self.assertGreaterEqual(self.all_steps(prepare, lambda: node.api('DELETE', '/v1/workflows/w'),
                                               before, {}), 1)


FILE = """workflow: house
defaults: {isolation: reuse, sandbox: %(sandbox)s}
functions:
  reading:
    source: reading
    http: true
    then: [judge, logger]
    environment: {STEP: ' reading'}
  judge:
    source: reading
    then: [alert, count]
    environment: {STEP: ' judge', ONLY: %(only)s}
  alert: {image: step.mf, environment: {STEP: ' alert'}}
  count: {image: step.mf}
  logger: {image: step.mf}
"""


class File(unittest.TestCase):
    """`mayfly deploy -f`: sources and images, fan-out over three steps, another version, back."""

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.folder = tempfile.mkdtemp(prefix='mf-flow-')
        self.addCleanup(subprocess.run, ['rm', '-rf', self.folder], check=True)
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run(['cp', '-r', os.path.join(here, 'step'), os.path.join(self.folder, 'reading')], check=True)
        subprocess.run(['cp', harness.image('step'), os.path.join(self.folder, 'step.mf')], check=True)

    def mayfly(self, *arguments):
        return subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), *arguments, '--node',
                               'unix:' + os.path.join(self.node.state, 'api.sock')],
                              capture_output=True, text=True, env={**os.environ, 'NO_COLOR': '1'}, check=False)

    def deploy(self, *options, only='even'):
        path = os.path.join(self.folder, 'mayfly.yml')
        with open(path, 'w') as file:
            file.write(FILE % {'sandbox': harness.ARGS.sandbox, 'only': only})
        done = self.mayfly('deploy', '-f', path, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def send(self, numbers):
        return {n: self.node.http('POST', '/async-function/reading', b'%d' % n).header('X-Call-Id') for n in numbers}

    def arrived(self, calls, name, *way):
        """Did the event get there, by this way, of each call?"""
        ran, found = delivered(self.node, name), set()
        for number, call in calls.items():
            before = 'reading'
            for each in (*way, name):
                call, before = output_id(call, before, each), each
            if call in ran:
                found.add(number)
        return found

    def test_three_steps(self):
        added = ['+ reading', '+ judge', '+ alert', '+ count', '+ logger']
        self.assertEqual(self.deploy('--dry-run'), added)
        self.assertEqual(names(self.node), [])
        self.assertEqual(glob.glob(os.path.join(self.node.state, 'images', '*')), [])
        self.assertEqual(self.deploy(), added)
        self.assertEqual(self.deploy(), [line.replace('+', '=') for line in added])
        calls = self.send(range(20))
        even = {n for n in calls if n % 2 == 0}
        for name, way, expected in (('judge', (), set(calls)), ('logger', (), set(calls)),
                                    ('alert', ('judge',), even), ('count', ('judge',), even)):
            wait_until(lambda: self.arrived(calls, name, *way) == expected, f'all at {name}')
        queues = [self.node.api('GET', '/v1/queues/' + name).json for name in names(self.node)]
        wait_until(lambda: all(self.node.api('GET', '/v1/queues/' + q['name']).json['count'] == 0 for q in queues),
                   'empty queues')
        self.assertEqual(self.arrived(calls, 'alert', 'judge'), even)  # and no other
        lines = self.deploy('--dry-run', only='all')
        self.assertEqual([line[0] for line in lines], ['=', '~', '=', '=', '='])
        self.assertIn('environment', lines[1])
        self.deploy(only='all')
        calls = self.send(range(20, 30))
        wait_until(lambda: self.arrived(calls, 'alert', 'judge') == set(calls), 'all at alert')
        done = self.mayfly('rollback', 'house')
        self.assertEqual((done.returncode, 'house: done; version 3' in done.stderr), (0, True), done.stderr)
        calls = self.send(range(30, 40))
        wait_until(lambda: self.arrived(calls, 'alert', 'judge') == {n for n in calls if n % 2 == 0}, 'the even ones')


if __name__ == '__main__':
    harness.main()
