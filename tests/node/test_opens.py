"""dlopen() and dlclose() by a program before it is frozen and after (opens/), with and without the setting `jit`: what it
prints is what it prints natively."""
import os
import subprocess

import harness
from harness import NodeTest

CALLS = 2


class Opens(NodeTest):
    @classmethod
    def prepare(cls):
        cls.folder = os.path.join(harness.ARGS.build, 'tests', 'node', 'opens')
        for jit in (False, True):
            for copies in (False, True):
                environment = {'OPENS_FOLDER': '/usr/lib/opens', **({'OPENS_COPIES': '1'} if copies else {})}
                cls.node.deploy(cls.name(jit, copies), 'opens/opens', isolation='fresh', jit=jit,
                                environment=environment)

    @staticmethod
    def name(jit, copies):
        return ('jit' if jit else 'plain') + ('-copies' if copies else '')

    def natively(self, copies):
        environment = {'OPENS_FOLDER': self.folder + '/root/usr/lib/opens', **({'OPENS_COPIES': '1'} if copies else {})}
        return subprocess.run([self.folder + '/root/bin/opens'], input=b'it begins\n', capture_output=True, check=True,
                              env=environment).stdout.decode()

    def inside(self, jit, copies):
        """In clones of one snapshot."""
        name = self.name(jit, copies)
        self.assertEqual(self.node.snapshot(name)['state'], 'ready')
        said = []
        for _ in range(CALLS):
            answer = self.node.http('POST', '/function/' + name, b'it begins\n')
            self.assertEqual(answer.status, 200, answer.body)
            said.append(answer.body.decode())
        self.assertEqual(self.node.function(name)['counters']['starts']['restore'], CALLS)
        self.assertEqual(said[0], said[1])
        return said[0]

    def test_what_the_image_has_is_opened_with_jit_and_without(self):
        right = self.natively(False)
        self.assertEqual(self.inside(False, False), right)
        self.assertEqual(self.inside(True, False), right)

    def test_what_it_has_not_is_opened_with_jit(self):
        self.assertEqual(self.inside(True, True), self.natively(True))

    def test_without_it_that_is_refused_and_nothing_else(self):
        said = self.inside(False, True)
        for name in ('before.so', 'after.so'):
            self.assertEqual(said.count(name + ': not opened\n'), 3)
        opened = [line for line in said.splitlines() if 'not opened' not in line]
        usual = self.natively(False).splitlines()
        self.assertLess(len(usual), len(opened))
        self.assertTrue(any('is refused (EACCES)' in line['text'] for line in self.node.logs(self.name(False, True))))


if __name__ == '__main__':
    harness.main()
