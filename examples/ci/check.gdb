# Fails when the program makes more temporaries than baseline.json has: see check.sh.
tmpalloc start
run
tmpalloc check --baseline baseline.json --tolerance 10 --report sarif tmpalloc.sarif --force
