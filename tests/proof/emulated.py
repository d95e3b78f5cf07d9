"""emulated.py: a place more: inside, by the kvm-amd of the machine that tests/emulated has QEMU emulate. Images are made here;
each run boots the machine once, with all that is to run in it.
"""
import base64
import os
import re
import shutil
import subprocess

import places

MACHINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'emulated', 'machine.sh')
MACHINE_MIB = 2048
BOOT_S = 120  # at most, the machine's files on their way into it included
EVENT_S_MAX = 900  # of `mayfly run`

# What the machine runs: every order, and tells what came of it in lines that nothing else writes.
TEST = '''#!/bin/sh
for order in /orders/*; do
  {mayfly} run --sandbox kvm --timeout {milliseconds} "$order/image" <"$order/in" >/tmp/out 2>/tmp/err
  echo
  echo "@ended ${{order##*/}} $?"
  base64 </tmp/out
  echo "@error"
  base64 </tmp/err
  echo "@whole"
done
'''
ENDED = re.compile(r'^@ended (\d+) (\d+)\n(.*?)^@error\n(.*?)^@whole$', re.M | re.S)


class Emulated(places.Inside):
    slowness = 3

    def __init__(self, build, work):
        super().__init__(build, 'kvm', work)
        self.name, self.build = 'kvm-amd', build

    def run(self, program, arguments, seconds, stdin=b''):
        return self.run_all([(program, arguments, stdin)], seconds)[0]

    def run_all(self, orders, seconds):
        machine = places.Root(os.path.join(self.work, 'files'))
        for number, (program, arguments, stdin) in enumerate(orders):
            self.add_order(machine, f'/orders/{number:04}', program, arguments, stdin)
        for name in ('mayfly', 'mayfly-spawner'):
            machine.add_program(os.path.join(self.build, name))
        with open(machine.path + '/test', 'w') as file:
            file.write(TEST.format(mayfly=self.mayfly, milliseconds=min(seconds, EVENT_S_MAX) * 1000))
        os.chmod(machine.path + '/test', 0o755)
        told = self.boot(machine, BOOT_S + seconds * len(orders))
        return [told.get(number) or places.Ended(b'', b'the machine ended before it did', 'timeout')
                for number in range(len(orders))]

    def add_order(self, machine, path, program, arguments, stdin):
        os.makedirs(machine.path + path)
        shutil.copy(self.image(program, arguments), machine.path + path + '/image')
        with open(machine.path + path + '/in', 'wb') as file:
            file.write(stdin)

    def boot(self, machine, seconds):
        """What each order that ended came to, by its number."""
        booted = subprocess.run([MACHINE, os.path.join(self.build, 'tests', 'emulated', 'kernel'), machine.path],
                                capture_output=True, text=True, errors='backslashreplace',
                                env=dict(os.environ, EMULATED_SECONDS_MAX=str(seconds), EMULATED_MIB=str(MACHINE_MIB)))
        machine.close()
        told = {int(number): places.Ended(base64.b64decode(out), base64.b64decode(err), int(code))
                for number, code, out, err in ENDED.findall(booted.stdout)}
        if not told:
            raise SystemExit(f'the emulated machine: {booted.stderr}{booted.stdout[-4000:]}')
        return told
