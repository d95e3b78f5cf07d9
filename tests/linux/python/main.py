"""main.py: runs the script that SCRIPT names: one image for all of them."""
import os
import runpy

runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.environ['SCRIPT'] + '.py'),
               run_name='__main__')
