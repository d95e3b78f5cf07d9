"""Secrets as files of a program that knows nothing of mayfly (docs/adr/0008-secrets.md): there when
it opens them, for those that its settings name; and nowhere else, on no disk and in no log."""
import errno
import os
import tempfile
import time
import unittest
import urllib.parse

import harness
from harness import NodeTest, wait_until

VALUE = b'sesame-7f3a9c-not-in-any-file'
AT = '/var/openfaas/secrets/'


class Secrets(NodeTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix='mf-secrets-')
        cls.OPTIONS = ('--secrets', cls.folder.name)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    @classmethod
    def put(cls, name, value, mode=0o600):
        path = os.path.join(cls.folder.name, name)
        with open(path, 'wb') as file:
            file.write(value)
        os.chmod(path, mode)
        return path

    @classmethod
    def prepare(cls):
        cls.put('db', VALUE + b'\n')
        cls.put('other', b'x')
        cls.put('large', b'A' * (6 << 20))
        cls.put('longest', b'B' * 65536)
        cls.put('open', b'x', 0o644)
        cls.put('empty', b'')
        cls.allow = {'secrets': ['db', 'large', 'longest', 'open', 'empty', 'gone', 'moves']}
        cls.node.deploy('server', allow=cls.allow, timeout_ms=60000, environment={'READ_AT_START': AT + 'db'})
        cls.node.deploy('none', 'server', timeout_ms=60000)

    def read(self, path, name='server'):
        """What the program reads there, or an errno."""
        answer = self.node.http('POST', f'/function/{name}/file', path.encode())
        if answer.status == 404:
            return int(answer.body.split()[1])
        self.assertEqual(answer.status, 200, answer.body)
        return answer.body

    def said(self, name='server'):
        return '\n'.join(line['text'] for line in self.node.logs(name))

    def test_it_is_read_where_programs_look(self):
        for path in (AT + 'db', '/run/secrets/db', '/run/secrets/../secrets/./db'):
            self.assertEqual(self.read(path), VALUE, path)
        self.assertEqual(self.read(AT + 'empty'), b'')
        self.assertEqual(self.read(AT + 'longest'), b'B' * 65536)

    def test_what_is_not_granted(self):
        self.assertEqual(self.read(AT + 'other'), errno.EACCES)
        self.assertEqual(self.read(AT + 'db', 'none'), errno.EACCES)
        self.assertIn('secret db: ', self.said('none'))
        self.assertIn('secrets', self.said('none'))

    def test_what_is_not_there_or_no_name(self):
        self.assertEqual(self.read(AT + 'gone'), errno.ENOENT)
        self.assertIn('secret gone: there is no secret gone on this node', self.said())
        for name in ('.db', 'd b', '\x01', 'n' * 64, 'n' * 255, 'db/x'):
            self.assertIn(self.read(AT + name), (errno.ENOENT, errno.ENOTDIR), name)
        self.assertEqual(self.read(AT + 'n' * 256), errno.ENAMETOOLONG)
        self.assertEqual(self.read(AT), errno.EISDIR)

    def test_too_large_or_open_to_others(self):
        self.assertEqual(self.read(AT + 'large'), errno.EFBIG)
        self.assertIn('secret large: ', self.said())
        self.assertIn('65536', self.said())
        self.assertEqual(self.read(AT + 'open'), errno.EACCES)
        self.assertIn('chmod 600', self.said())
        self.assertEqual(self.read(AT + 'db'), VALUE)

    def test_where_they_are_kept_is_the_nodes_to_know(self):
        """What a function is told names the secret; the path is in the node's own log, not once for each question."""
        os.mkdir(os.path.join(self.folder.name, 'moves'))
        self.addCleanup(os.rmdir, os.path.join(self.folder.name, 'moves'))
        for name in ('open', 'large', 'moves'):
            lines = lambda: [line for line in self.node.log().decode().splitlines() if 'secret.unreadable' in line]
            time.sleep(1.1)
            before = len(lines())
            for _ in range(3):
                self.read(AT + name)
            self.assertIn(f'secret {name}: the secret {name} ', self.said())
            self.assertIn(f'{self.folder.name}/{name}', lines()[before])
            self.assertLessEqual(len(lines()) - before, 2)
        for name in ('server', 'none'):
            self.assertNotIn(self.folder.name, self.said(name))

    def test_it_changes_and_goes_between_events(self):
        path = self.put('moves', b'first')
        self.assertEqual(self.read(AT + 'moves'), b'first')
        self.put('moves', b'the second')
        self.assertEqual(self.read(AT + 'moves'), b'the second')
        os.unlink(path)
        self.assertEqual(self.read(AT + 'moves'), errno.ENOENT)
        self.assertIn('secret moves: there is no secret moves', self.said())

    def test_before_the_freeze_there_is_none(self):
        self.assertEqual(self.node.snapshot('server')['state'], 'ready')
        wait_until(lambda: 'secret db: asked' in self.said(), 'what its start said')
        said = self.said()
        self.assertIn(f'errno {errno.ENOENT}', said)
        self.assertIn('secret db: asked for while no event is handled', said)

    def test_it_is_in_no_file_and_no_log(self):
        for isolation in ('reuse', 'fresh') + (('reset',) if harness.ARGS.sandbox == 'kvm' else ()):
            self.node.deploy('kept', 'server', allow=self.allow, timeout_ms=60000, isolation=isolation)
            self.assertEqual(self.node.snapshot('kept')['state'], 'ready')
            for _ in range(3):
                self.assertEqual(self.read('/run/secrets/db', 'kept'), VALUE)
        self.node.deploy('asks', allow=self.allow)
        answer = self.node.http('POST', '/function/asks/secret?' + urllib.parse.urlencode({'secret': 'db'}))
        self.assertEqual((answer.header('X-Error'), answer.body), ('ok', VALUE))
        for name in ('server', 'none', 'kept', 'asks'):
            self.assertEqual(self.node.snapshot(name)['state'], 'ready', name) # none is being made
        snapshots = 0
        for folder, _, files in os.walk(self.node.state):
            for name in (each for each in files if not each.endswith('.sock')):
                with open(os.path.join(folder, name), 'rb') as file:
                    self.assertNotIn(VALUE, file.read(), os.path.join(folder, name))
                snapshots += name.endswith('.snap')
        self.assertGreaterEqual(snapshots, 2)
        for name in ('server', 'kept', 'asks', 'none'):
            self.assertNotIn(VALUE.decode(), self.said(name))

    def test_a_variable_is_none(self):
        for value, words in (({'secret': 'db'}, 'never a variable'), (7, 'must be a string')):
            answer = self.node.api('PUT', '/v1/functions/variable', {'image': self.node.upload('server'),
                                                                     'settings': {'environment': {'DB': value}}})
            self.assertEqual(answer.status, 400)
            self.assertIn(words, answer.error['message'])
        answer = self.node.api('PUT', '/v1/functions/variable', {'image': self.node.upload('server'),
                                                                 'settings': {'secrets': ['db']}})
        self.assertEqual(answer.status, 400)
        self.assertIn('allow', answer.error['message'])


if __name__ == '__main__':
    harness.main()
