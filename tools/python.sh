#!/bin/sh
# Runs the script given with the first Python that is new enough.
for name in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$name" -B "$@"
    fi
done
echo "没有找到 Python 3.11 或更新的版本。请先安装，例如：apt-get install python3 python3-venv" >&2
echo "There is no Python 3.11 or later. Install it first, such as: apt-get install python3 python3-venv" >&2
exit 1
