# A job of a build server in a container: what is built is in a volume, the tools in the image.
set -eu
export HOME=/proj LC_ALL=C PATH=/opt/rust/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin
export GIT_CONFIG_NOSYSTEM=1
has() { command -v "$1" > /dev/null; }
cd /proj
mkdir -p upstream app && cd upstream
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' > hello.c
printf 'all: hello\nhello: hello.o\n\tcc -o $@ $^\n%%.o: %%.c\n\tcc -O1 -c $<\n' > Makefile
printf 'test: hello\n\t./hello | grep -q hello\nclean:\n\trm -f hello *.o\n' >> Makefile
printf '#!/bin/sh\nset -e\ncc --version > config.log\nuname -a >> config.log\n' > configure
chmod +x configure
cd /proj
if has git; then
    git -C upstream init -q
    git -C upstream add .
    git -C upstream -c user.name=a -c user.email=a@b commit -q -m first
    git clone -q upstream clone
    cd clone
else
    cd upstream
fi
if has cc; then
    ./configure
    if has make; then make -s && make -s test; else cc -o hello hello.c; fi
    ./hello > /dev/null
    strip -o hello.stripped hello
fi
if has cargo && cargo --version > /dev/null 2>&1; then
    cargo init -q --vcs none --name quiet /proj/crate
    cd /proj/crate
    cargo test -q --offline > /dev/null 2>&1
    cargo build -q --release --offline
    ./target/release/quiet > /dev/null
fi
cd /proj
if has perl; then perl -e 'print "ok\n"' > /dev/null; fi
tar czf artifact.tar.gz upstream
sha256sum artifact.tar.gz > artifact.tar.gz.sha256
mkdir -p cache && cp -a upstream cache/
find . -name '*.o' -exec rm {} +
rm -rf clone crate app
echo "built by $(command -v cc) $(command -v cargo)"
