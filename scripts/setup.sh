#!/bin/sh
# Makes .venv, exactly as requirements.lock says. Safe to run again at any time, also after a
# run that was killed. Prints what it is doing to stderr; exit 2: there is no usable Python.
set -eu
cd "$(dirname "$0")/.."

uv_version=0.13.8
stamp=.venv/.installed
version='import sys; print("%d.%d" % sys.version_info[:2])'

say() { printf 'setup: %s\n' "$1" >&2; }

# The same bounds as requires-python in pyproject.toml.
supported() { case "$1" in 3.11 | 3.12 | 3.13) ;; *) return 1 ;; esac; }

# Byte code halves the time of importing TensorFlow, in every run from now on.
unset PYTHONDONTWRITEBYTECODE
# uv brings certificates of its own; an office network's are known to the system.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
# Of an environment that happens to be active; ours is .venv.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH

python=
tried=
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    # pyenv has a python3.12 in the path that only says it is not installed: ask each one
    found=$("$candidate" -c "$version" 2>/dev/null) || continue
    if ! supported "$found"; then
        tried="$tried; $candidate is $found"
    elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        tried="$tried; $candidate has no venv module (Debian: apt install python$found-venv)"
    else
        # the interpreter behind it, for it may be .venv's own, which may have to go
        python=$("$candidate" -c 'import sys; print(sys._base_executable)')
        break
    fi
done
if [ -z "$python" ]; then
    say "needs Python 3.11, 3.12 or 3.13 (make setup PYTHON=/path/to/python3)${tried:-; found no python3}"
    exit 2
fi
if [ -n "${PYTHON:-}" ] && [ "$candidate" != "$PYTHON" ]; then
    say "takes $candidate${tried:-; there is no $PYTHON}"
fi

if [ -e .venv ]; then
    have=$(.venv/bin/python -c "$version" 2>/dev/null) || have=none
    if [ ! -e "$stamp" ]; then
        again='it is unfinished'
    elif ! supported "$have"; then
        again="its Python is $have"
    elif [ -n "${PYTHON:-}" ] && [ "$have" != "$found" ]; then
        again="PYTHON is $found, it has $have"
    elif [ "$(cat "$stamp")" != "$(pwd -P)" ]; then
        again='it was made in another folder'
    else
        again=
    fi
    if [ -n "$again" ]; then
        say "making .venv anew: $again"
        rm -rf .venv
    fi
fi

# Without the stamp, the next run starts over: half a package looks installed to uv.
rm -f "$stamp"

if [ ! -e .venv ]; then
    say ".venv with Python $found ($python)"
    "$python" -m venv .venv
fi
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d ' ' -f 2)" != "$uv_version" ]; then
    PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -qq --force-reinstall "uv==$uv_version"
fi

quiet=--quiet
if [ -t 2 ]; then quiet=; fi # a terminal shows uv's progress bars
say 'installing requirements.lock (the first time some 700 MB are downloaded)'
# shellcheck disable=SC2086  # no word when empty
.venv/bin/uv pip sync $quiet --python .venv/bin/python --require-hashes --compile-bytecode \
    requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation \
    --editable .

pwd -P >"$stamp" # commands in .venv/bin name their folder, so a copy elsewhere is of no use
say 'done'
