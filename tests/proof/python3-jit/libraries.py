# Libraries opened while it runs, by ctypes: of the image, and a copy in /tmp; calls back, which are code that libffi makes.
import ctypes
import os
import shutil
import sys
import threading

libc = ctypes.CDLL('libc.so.6')
libm = ctypes.CDLL('libm.so.6')
libm.cos.restype = ctypes.c_double
libm.cos.argtypes = [ctypes.c_double]
print('called', libc.abs(-42), libm.cos(0.0), libc.strlen(b'mayfly'))

COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))


def compare(a, b):
    return a[0] - b[0]


def sorted_by(library):
    numbers = (ctypes.c_int * 8)(5, 3, 9, -1, 7, 0, 2, 8)
    library.qsort(numbers, len(numbers), ctypes.sizeof(ctypes.c_int), COMPARE(compare))
    return list(numbers)


print('called back', sorted_by(libc))
threads = [threading.Thread(target=lambda: sorted_by(libc)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print('called back in threads')

module = sys.modules.get('_json') or __import__('_json')
import _elementtree
import _sqlite3
print('modules', [name.__name__ for name in (module, _elementtree, _sqlite3)])

with open('/proc/self/maps') as maps:
    path = next(line.split()[-1] for line in maps if 'libm' in line)
shutil.copy(path, '/tmp/proof.so')
copy = ctypes.CDLL('/tmp/proof.so')
os.unlink('/tmp/proof.so')
copy.sqrt.restype = ctypes.c_double
copy.sqrt.argtypes = [ctypes.c_double]
print('of a copy', copy.sqrt(2.0), copy._handle != libm._handle)
