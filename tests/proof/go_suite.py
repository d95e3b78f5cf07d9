"""go_suite.py: the tests of a package of Go's standard library, from Debian's sources: `go test -c`, run by chunks, so
that one that ends the program, or hangs, takes few with it.
"""
import os
import re
import subprocess
import zipfile

import places

GOROOT = '/usr/lib/go-1.19'
ZONES = '/usr/share/zoneinfo'
CHUNK = 60           # tests in one run
CHUNK_S = 240
VERDICT = re.compile(r'--- (PASS|FAIL|SKIP): (\S+) \(')
BEGUN = re.compile(r'=== RUN +(\S+)')
WORDS = {'PASS': 'pass', 'FAIL': 'fail', 'SKIP': 'skip'}


def available():
    if not os.path.isdir(GOROOT + '/src/os/testdata'):
        return 'no sources of Go here (Debian: golang-go, golang-src)'
    return None


def make_zones(goroot):
    """Debian's Go has no lib/time/zoneinfo.zip, which these tests read; the same as Go's own has it: stored."""
    path = goroot + '/lib/time/zoneinfo.zip'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive:
        for folder, _, names in os.walk(ZONES):
            for name in names:
                file = os.path.join(folder, name)
                archive.write(os.path.realpath(file), os.path.relpath(file, ZONES))
    return goroot


class Suite:
    def __init__(self, package, build):
        self.package, self.folder = package, f'{GOROOT}/src/{package}'
        self.root = places.Root()
        self.binary = os.path.join(build, 'proof', package.replace('/', '-') + '.test')
        os.makedirs(os.path.dirname(self.binary), exist_ok=True)
        subprocess.run(['go', 'test', '-c', '-o', self.binary, package], check=True,
                       env=dict(os.environ, CGO_ENABLED='0', GOFLAGS='', GOPATH=os.path.join(build, 'proof', 'go-path'),
                                GOCACHE=os.path.join(build, 'go-cache')))
        self.root.add('/proof/test', self.binary)
        self.root.add(self.folder, os.path.realpath(self.folder))
        self.root.add(GOROOT + '/VERSION')
        self.root.add(GOROOT + '/src/testdata', os.path.realpath(GOROOT + '/src/testdata'))
        for name in ('runtime', 'runtime.a', 'internal'):  # compiled, for a test that checks types
            self.root.add(f'{GOROOT}/pkg/linux_amd64/{name}')
        self.root.add_system()
        goroot = GOROOT
        if package == 'time':
            goroot = make_zones(os.path.join(build, 'proof', 'goroot'))
            self.root.add('/proof/goroot', goroot)
        self.environment = {'GOROOT': goroot}
        self.program = places.Program(self.root, '/proof/test', self.folder, self.environment,
                                      {'GOROOT': '/proof/goroot' if package == 'time' else GOROOT})

    def close(self):
        self.root.close()

    def tests(self):
        listed = places.run([self.binary, '-test.list', '.*'], 60, cwd=self.folder,
                            env=dict(os.environ, **self.environment))
        if listed.code:
            raise SystemExit(f'{self.package}: no list of its tests: {listed.err}')
        return [name for name in listed.out.split() if re.match('Test|Example', name) and self.only.search(name)]

    def run(self, place, exceptions, say):
        """Verdicts by name, of tests within tests, too."""
        native = place.name == 'native'
        waiting = [test for test in self.tests() if native or not exceptions.left_out(test)]
        verdicts = {}
        self.why = {}
        while waiting:
            chunk, rest = waiting[:CHUNK], waiting[CHUNK:]
            ended = self.run_chunk(place, chunk)
            for word, test in VERDICT.findall(ended.out):
                verdicts[test] = WORDS[word]
            self.find_why(ended.out)
            rest = [test for test in chunk if test not in verdicts] + rest
            culprit = self.culprit(chunk, verdicts, ended)
            if culprit:
                say(f'{self.package} {place.name}: ended ({ended.code}) in {culprit}\n{tail(ended)}')
                verdicts[culprit] = 'ends the program'
                rest.remove(culprit)
            elif any(verdicts.get(test) == 'fail' for test in chunk):
                say(f'{self.package} {place.name}:\n{failures(ended.out)}')
            waiting = rest
        return verdicts

    def run_chunk(self, place, chunk):
        only = '^(' + '|'.join(map(re.escape, chunk)) + ')$'
        seconds = CHUNK_S * place.slowness
        arguments = ['-test.v', '-test.short', f'-test.timeout={seconds - 20}s', '-test.run', only]
        return place.run(self.program, arguments, seconds)

    def find_why(self, out):
        """The first line that a test said, for the list of those that failed."""
        for verdict in re.finditer(r'--- (?:FAIL|SKIP): (\S+) \(.*\n((?:\s+.*\n)?)', out):
            self.why.setdefault(verdict[1], verdict[2].strip())
        for part in re.split(r'(?m)^(?==== RUN +[^/\s]+$)', out):
            begun = BEGUN.match(part)
            said = re.search(r'(?m)^ {4,}\S+\.go:\d+: .*$', part)
            if begun and said and not self.why.get(begun[1]):
                self.why[begun[1]] = said[0].strip()

    @staticmethod
    def culprit(chunk, verdicts, ended):
        """The test that was running when the program ended; None: it had told its verdict before."""
        none = [test for test in chunk if test not in verdicts]
        # Several are begun when they are parallel: the last that went on is the likeliest.
        went_on = re.findall(r'^=== (?:RUN|CONT) +([^/\s]+)', ended.out, re.M)
        begun = next((test for test in reversed(went_on) if test in none), None)
        return begun or (none[0] if len(none) == len(chunk) else None)


def tail(ended, lines=60):
    return '\n'.join(ended.out.splitlines()[-lines:] + ended.err.splitlines()[-lines:])


def failures(out):
    """What stands from a failed test's beginning to the next one's."""
    parts = re.split(r'(?m)^(?==== RUN +[^/\s]+$)', out)
    return '\n'.join(part[:4000] for part in parts if '--- FAIL' in part)
