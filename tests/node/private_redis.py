"""private_redis.py: a real Redis for each test, every write synced, on a Unix socket: started,
killed, started again with what it had."""
import os
import shutil
import subprocess
import tempfile

import harness
from harness import wait_until


class Redis:
    def __init__(self, test):
        server, checker = shutil.which('redis-server'), shutil.which('redis-check-rdb')
        if not server and not checker:
            test.skipTest('there is no redis-server (Debian: redis-tools)')
        self.folder = tempfile.mkdtemp(prefix='mf-redis-')
        harness.MADE.append(self.folder)
        self.program = server or os.path.join(self.folder, 'redis-server')
        if not server: # the same program under another name
            os.symlink(checker, self.program)
        self.socket = os.path.join(self.folder, 'redis.sock')
        self.process = None
        test.addCleanup(self.close)
        self.start()

    def url(self):
        return 'redis+unix:' + self.socket

    def start(self):
        self.process = subprocess.Popen(
            [self.program, '--port', '0', '--unixsocket', self.socket, '--dir', self.folder,
             '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.STARTED.append(self.process)
        wait_until(lambda: os.path.exists(self.socket), 'redis')

    def kill(self):
        self.process.kill()
        self.process.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def close(self):
        if self.process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
