#!/usr/bin/env python3
"""What documents and comments name is there: files, and tests by a part of their name. Prints each place
that names what is not, and says so by its exit status. Runs in the source tree."""
import os
import re
import sys

FILE = re.compile(r'`((?:[\w.-]+/)*[\w-]+\.(?:c|h|S|py|sh|md|cmake|lua))`')
TEST = re.compile(r'`([\w…]*…[\w…]*)`')
COMMENT = re.compile(r'(?<![\w/.-])((?:\.\./)*(?:[\w-]+/)*[\w-]+\.c)(?![\w.])')
LINUX = ('fs/select.c', 'kernel/sched/core.c', 'kernel/seccomp.c')  # of Linux's own sources
EXAMPLES = ('cmd_NAME.c', 'NAME.c')


def read(name):
    with open(name, encoding='utf-8', errors='replace') as file:
        return file.read()


def all_files():
    """But those of builds, and hidden ones."""
    for folder, folders, files in os.walk('.'):
        folders[:] = [] if 'CMakeCache.txt' in files else [f for f in folders if f[0] != '.' and f != 'build']
        yield from (os.path.normpath(os.path.join(folder, file)) for file in files if 'CMakeCache.txt' not in files)


class Tree:
    def __init__(self):
        self.files = set(all_files())
        self.ends = {'/' + '/'.join(name.split('/')[i:]) for name in self.files for i in range(name.count('/') + 1)}
        words = ' '.join(read(name) for name in self.of('.c', '.h', '.S', '.py') if name.startswith('tests/'))
        self.names = '\n'.join(sorted(set(re.findall(r'\w*_\w*', words))))

    def of(self, *ends):
        return sorted(name for name in self.files if name.endswith(ends))

    def has(self, cited, beside):
        """By its path, by one from the citing file's folder, or by an end of one."""
        near = os.path.normpath(os.path.join(os.path.dirname(beside), cited))
        return near in self.files or '/' + cited.lstrip('./') in self.ends

    def has_test(self, cited):
        return re.search('^' + cited.replace('…', r'\w*') + '$', self.names, re.MULTILINE)


def documents(tree):
    for name in tree.of('.md'):
        for number, line in enumerate(read(name).splitlines(), 1):
            for cited in FILE.findall(line):
                if cited not in EXAMPLES and not tree.has(cited, name):
                    yield f'{name}:{number}: {cited} is not there'
            for cited in TEST.findall(line):
                if '_' in cited and cited.islower() and not tree.has_test(cited):
                    yield f'{name}:{number}: no test is named {cited}'


def comments(tree):
    """Of our own folders' C sources; what stands in quotes is no comment."""
    for name in tree.of('.c', '.h', '.S'):
        if name.startswith('tests/'):
            continue
        for comment in re.finditer(r'/\*.*?\*/|//[^\n]*', read(name), re.DOTALL):
            for cited in COMMENT.findall(comment.group()):
                if cited not in LINUX + EXAMPLES and not tree.has(cited, name):
                    yield f'{name}: {cited}, in a comment, is not there'


def main():
    tree = Tree()
    wrong = [*documents(tree), *comments(tree)]
    print(*wrong, sep='\n', end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
