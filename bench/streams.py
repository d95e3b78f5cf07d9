#!/usr/bin/env python3
"""Requests a second of a server, as a bare process and as a function whose port is the node's (setting
`listen`), in turns, by numbers of clients: connections that stay, one request after the other on each.

  bench/streams.py --build build --program build/tests/node/dials --image build/tests/node/dials.mf

The load generator is this process' threads of `--client`, a program that is given PORT, CLIENTS and
SECONDS and prints requests and errors: bench/streams_client.go, built with go.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'node'))
import harness  # noqa: E402


def load(client, port, clients, seconds):
    out = subprocess.run([client, str(port), str(clients), str(seconds)], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', required=True)
    parser.add_argument('--program', required=True)
    parser.add_argument('--image', required=True)
    parser.add_argument('--sandbox', default='process')
    parser.add_argument('--clients', default='1,16,64,256,1024,4096')
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--rounds', type=int, default=2)
    args = parser.parse_args()
    harness.ARGS = argparse.Namespace(build=args.build, sandbox=args.sandbox, fronts=False)
    folder = tempfile.mkdtemp(prefix='mf-bench-')
    client = os.path.join(folder, 'client')
    subprocess.run(['go', 'build', '-o', client, os.path.join(HERE, 'streams_client.go')], check=True,
                   env={**os.environ, 'GO111MODULE': 'off', 'CGO_ENABLED': '0'})
    with tempfile.TemporaryFile() as nothing:
        import socket
        with socket.create_server(('127.0.0.1', 0)) as sock:
            bare_port = sock.getsockname()[1]
        bare = subprocess.Popen([args.program], env={**os.environ, 'PORT': str(bare_port)},
                                stdout=nothing, stderr=nothing)
        node = harness.Node()
        try:
            harness.image = lambda name: args.image
            node.deploy('served', listen='0', isolation='reuse', timeout_ms=10000)
            node.snapshot('served')
            port = int(next(line['text'] for line in node.logs('served')
                            if 'listens at' in line['text']).rsplit(':', 1)[1])
            time.sleep(0.5)
            for clients in map(int, args.clients.split(',')):
                rates = {'bare': [], 'stream': []}
                errors = {'bare': 0, 'stream': 0}
                for _ in range(args.rounds):
                    for name, at in (('bare', bare_port), ('stream', port)):
                        told = load(client, at, clients, args.seconds)
                        rates[name].append(told['requests'] / told['seconds'])
                        errors[name] += told['errors']
                best = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
                print(json.dumps({'clients': clients, 'bare_per_second': round(best['bare']),
                                  'stream_per_second': round(best['stream']),
                                  'ratio': round(best['stream'] / best['bare'], 3),
                                  'errors_bare': errors['bare'], 'errors_stream': errors['stream']}),
                      flush=True)
        finally:
            bare.kill()
            bare.wait()
            node.close()


if __name__ == '__main__':
    main()
