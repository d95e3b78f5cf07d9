// main.js: runs the script that SCRIPT names: one image, or one process, for all of them.
require('./' + process.env.SCRIPT + '.js');
