"""A shell that ends as another program: before the freeze, as scripts that start servers do (a custom runtime of Lambda's), and
after it, with the event half read."""
import os
import re
import shutil
import subprocess
import tempfile

import harness
from harness import NodeTest

HERE = os.path.dirname(os.path.abspath(__file__))
BOOTSTRAP = '''#!/bin/sh
cd /var/task
export TASK=here
exec ./runtime "$@"
'''
FILTER = '''#!/bin/sh
read first
printf '%s:' "$first"
exec /bin/cat
'''


class Exec(NodeTest):
    @classmethod
    def prepare(cls):
        cls.folder = tempfile.mkdtemp(prefix='mf-exec-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.root = os.path.join(cls.folder, 'root')
        for program in ('/bin/sh', '/bin/cat'):
            cls.put(os.path.realpath(program), program)
            for library in re.findall(r'(/\S+)', subprocess.run(['ldd', program], check=True, capture_output=True,
                                                                text=True).stdout):
                cls.put(library, library)
        os.makedirs(cls.root + '/var/task')
        subprocess.run(['musl-gcc', '-O2', '-static', '-o', cls.root + '/var/task/runtime',
                        HERE + '/server/bootstrap.c'], check=True)
        cls.script('/var/task/bootstrap', BOOTSTRAP)
        cls.script('/bin/filter', FILTER)

    @classmethod
    def put(cls, source, path):
        os.makedirs(os.path.dirname(cls.root + path), exist_ok=True)
        shutil.copy(source, cls.root + path)

    @classmethod
    def script(cls, path, text):
        with open(cls.root + path, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(cls.root + path, 0o755)

    def deploy(self, name, program, contract, **settings):
        path = os.path.join(self.folder, name + '.mf')
        subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'build', '--rootfs', self.root, '--program', program,
                        '--contract', contract, '--name', name, '-o', path], check=True, capture_output=True)
        self.addCleanup(setattr, harness, 'image', harness.image)
        harness.image = lambda _: path
        self.node.deploy(name, **settings)

    def call(self, name, body):
        return self.node.http('POST', f'/function/{name}', body).body

    def test_a_script_becomes_the_runtime_and_is_frozen_so(self):
        for isolation in ('reuse', 'fresh', 'reset'):
            name = 'runtime-' + isolation
            self.deploy(name, '/var/task/bootstrap', 'lambda', isolation=isolation)
            for _ in range(3):
                self.assertEqual(self.call(name, b'abc'), b'ABC')
            self.assertEqual(self.node.snapshot(name)['state'], 'ready')
            self.assertEqual(self.call(name, b'def'), b'DEF')

    def test_a_frozen_shell_becomes_another_program(self):
        self.deploy('filter', '/bin/filter', 'stdio', isolation='fresh')
        for number in range(4):
            body = b'%d\n' % number + b'the rest\n' * 1000
            self.assertEqual(self.call('filter', body), body.replace(b'\n', b':', 1))
        self.assertEqual(self.node.snapshot('filter')['state'], 'ready')


if __name__ == '__main__':
    harness.main()
