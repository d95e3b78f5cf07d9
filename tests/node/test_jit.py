"""The setting `jit`: code that a function makes itself, in snapshots, clones and rollbacks."""
import os
import unittest

import harness
from harness import Node, NodeTest, wait_until

PRISTINE = b'10 20 30 71 later 0'
ONCE_MORE = b'11 21 31 72 later 184'
EACCES = b'refused 13'
CALLS = 5


class Made(NodeTest):
    @classmethod
    def prepare(cls):
        for isolation in ('reuse', 'reset', 'fresh'):
            cls.node.deploy(isolation, 'made', isolation=isolation, max_instances=1, jit=True)
            cls.node.deploy(isolation + '-linux', 'made-linux', isolation=isolation, max_instances=1,
                            jit=True)
        cls.node.deploy('without', 'made')

    def get(self, path):
        answer = self.node.http('GET', '/function/' + path)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.body

    def ready(self, name):
        self.assertEqual(self.node.snapshot(name)['state'], 'ready')

    def test_clones_have_the_code_that_was_made_before_the_freeze(self):
        for name in ('fresh', 'fresh-linux'):
            self.ready(name)
            self.assertEqual([self.get(name + '/show') for _ in range(CALLS)], [PRISTINE] * CALLS)
            self.assertEqual(self.restores(name), CALLS)

    def test_reuse_keeps_what_was_changed(self):
        self.ready('reuse')
        first = self.get('reuse/show')
        self.assertEqual(first, PRISTINE)
        self.assertEqual(self.get('reuse/show'), ONCE_MORE)

    def restores(self, name):
        return self.node.function(name)['counters']['starts']['restore']

    def test_reset_rolls_made_code_back(self):
        for name in ('reset', 'reset-linux'):
            self.ready(name)
            self.assertEqual(self.get(name + '/show'), PRISTINE)
            before = self.restores(name)
            self.assertEqual([self.get(name + '/show') for _ in range(CALLS)], [PRISTINE] * CALLS)
            rolls_back = harness.ARGS.sandbox == 'kvm'
            self.assertEqual(self.node.function(name)['isolation']['in_force'],
                             'reset' if rolls_back else 'fresh')
            self.assertEqual(self.restores(name) - before, 0 if rolls_back else CALLS)

    def test_protections_are_rolled_back(self):
        """What one event let be executed, and written, the next one finds as it was frozen."""
        self.ready('reset')
        for path in ('read', 'write'):
            self.assertEqual(self.get('reset/show'), PRISTINE)
            answer = self.node.http('GET', '/function/reset/' + path)
            self.assertEqual((answer.status, b'page-fault' in answer.body), (502, True), answer.body)

    def test_without_it_there_is_none(self):
        self.ready('without')
        self.assertEqual(self.get('without/show'), EACCES)
        said = wait_until(lambda: [line['text'] for line in self.node.logs('without')
                                   if 'is refused (EACCES)' in line['text']], 'the line')
        self.assertIn('without the setting jit: true', said[0])


class Keys(unittest.TestCase):
    """Snapshots with and without are not the same file, though all else is."""

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)

    def show(self, name):
        return self.node.http('GET', f'/function/{name}/show').body

    def deploy(self, name, jit):
        self.node.deploy(name, 'made', jit=jit)
        self.assertEqual(self.node.snapshot(name)['state'], 'ready')

    def test_the_setting_is_in_the_key(self):
        self.deploy('f', True)
        self.assertEqual(self.show('f'), PRISTINE)
        self.deploy('f', False)
        self.assertEqual(self.show('f'), EACCES)
        self.deploy('g', True)
        self.assertEqual(self.show('g'), PRISTINE)

    def test_a_file_in_the_place_of_another_is_not_used(self):
        """Whoever can write there makes nobody executable."""
        folder = os.path.join(self.node.state, 'snapshots')
        self.deploy('f', True)
        (made,) = os.listdir(folder)
        with open(os.path.join(folder, made), 'rb') as file:
            content = file.read()
        self.node.api('DELETE', '/v1/functions/f')
        self.deploy('f', False)
        (other,) = [name for name in os.listdir(folder) if name.endswith('.snap') and name != made]
        with open(os.path.join(folder, other), 'wb') as file:
            file.write(content)
        self.assertEqual(self.show('f'), EACCES)


if __name__ == '__main__':
    harness.main()
