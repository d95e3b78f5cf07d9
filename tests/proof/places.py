"""places.py: where a program runs: natively, or inside, as an image with the contract `stdio`.

Both give the same: what it wrote to standard output, what to standard error, and how it ended. Natively it runs as an
ordinary user, as it does inside: root passes where others are refused.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile

NOBODY = 65534  # the user that a program inside is
UNUSABLE = 6    # `mayfly run`: the sandbox does not work here
MEMORY_MIB = 2048  # runtimes reserve much: glibc 64 MiB for each thread that allocates


class Unusable(Exception):
    """This sandbox does not work here; the text says why."""


class Ended:
    def __init__(self, out, err, code):
        self.out = out.decode('utf-8', 'backslashreplace')
        self.err = err.decode('utf-8', 'backslashreplace')
        self.code = code  # 'timeout': it was killed


def run(command, seconds, stdin=b'', **options):
    """The whole group dies when the time is over: programs leave children."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True, **options)
    try:
        out, err = process.communicate(stdin, seconds)
        return Ended(out, err, process.returncode)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Ended(out, err, 'timeout')
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Program:
    """A program with the root file system that it has inside. arguments are of one run."""

    def __init__(self, root, path, folder='/', environment=None, inside=None, settings=None):
        self.root, self.path, self.folder = root, path, folder
        self.settings = settings or {}  # of the function
        self.environment = dict({'HOME': '/tmp', 'PATH': '/usr/bin:/bin', 'LANG': 'C.UTF-8'}, **(environment or {}))
        self.inside = inside or {}  # what of the environment is another there


class Place:
    slowness = 1  # what takes a second natively may take so many here

    def run_all(self, orders, seconds):
        """Each (program, arguments, standard input), one after the other."""
        return [self.run(program, arguments, seconds, stdin) for program, arguments, stdin in orders]


class Native(Place):
    name = 'native'

    def __init__(self):
        self.lower = ['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups'] \
            if os.geteuid() == 0 else []

    def run(self, program, arguments, seconds, stdin=b''):
        """From its root's files, but in this machine's tree, so that what it calls is there."""
        file = program.root.files[program.path]
        return run([*self.lower, file, *arguments], seconds, stdin, cwd=program.folder,
                   env=dict(program.environment, PWD=program.folder))


class Inside(Place):
    def __init__(self, build, sandbox, work):
        self.mayfly, self.name, self.work = os.path.join(build, 'mayfly'), sandbox, work
        self.images = {}

    def image(self, program, arguments):
        key = json.dumps([program.root.path, program.path, program.folder, program.environment, program.settings,
                          arguments])
        if self.images.get('key') == key:
            return self.images['image']
        project = os.path.join(self.work, 'project')
        os.makedirs(project, exist_ok=True)
        with open(os.path.join(project, 'function.yml'), 'w') as file:
            json.dump({'name': 'proof', 'contract': 'stdio', 'folder': program.folder, 'args': arguments,
                       'memory_mib': MEMORY_MIB,
                       'environment': dict(program.environment, PWD=program.folder, **program.inside),
                       **program.settings}, file)
        image = os.path.join(self.work, 'proof.mf')
        made = subprocess.run([self.mayfly, 'build', '--rootfs', program.root.path, '--program', program.path,
                               project, '-o', image], capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f'{program.path}: {made.stderr}')
        self.images = {'key': key, 'image': image}
        return image

    def run(self, program, arguments, seconds, stdin=b''):
        ended = run([self.mayfly, 'run', '--sandbox', self.name, '--timeout', str(seconds * 1000),
                     self.image(program, arguments)], seconds + 20, stdin)
        if ended.code == UNUSABLE:
            raise Unusable(ended.err.strip())
        return ended


class Root:
    """A root file system: files of this machine at the same paths, unless said otherwise."""

    def __init__(self, path=None):
        self.path = path or tempfile.mkdtemp(prefix='mf-proof-')
        os.makedirs(self.path, exist_ok=True)
        os.chmod(self.path, 0o755)
        self.files = {}  # path inside: file here

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def add(self, path, file=None):
        """A file or a whole folder; links become what they lead to."""
        file = file or path
        to = self.path + path
        self.files[path] = file
        if os.path.exists(to) or not os.path.exists(file):
            return
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if os.path.isdir(file):
            shutil.copytree(file, to, symlinks=True)
        else:
            shutil.copy(file, to)

    def add_program(self, path, file=None):
        """And the libraries that it needs."""
        self.add(path, file)
        listed = subprocess.run(['ldd', file or path], capture_output=True, text=True).stdout
        for word in listed.split():
            if word.startswith('/'):
                self.add(word)

    def add_system(self):
        for name in ('passwd', 'group', 'hosts', 'services', 'protocols', 'nsswitch.conf', 'resolv.conf',
                     'localtime', 'mime.types'):
            self.add('/etc/' + name)
        self.add('/usr/share/zoneinfo')
        self.add('/usr/lib/locale/C.utf8')
        for name in ('sh', 'pwd', 'hostname', 'true', 'cat', 'ls'):  # looked at, never run
            self.add('/usr/bin/' + name, '/bin/' + name)
            self.add('/bin/' + name)
