#!/bin/sh
# Verifies served versions under the previous minor TensorFlow, installed apart (about 2 GB).
#
#   tests/compatibility/previous_tensorflow.sh served/vae/1 [served/cvae/1 ...]
#
# TENSORFLOW names another release, PYTHON another interpreter, ENVIRONMENT where to install.
set -eu
release=${TENSORFLOW:-2.20.0}
root=$(cd "$(dirname "$0")/../.." && pwd)
environment=${ENVIRONMENT:-$root/build/tensorflow-$release}
[ $# -gt 0 ] || { echo "usage: $0 VERSION..." >&2; exit 2; }
if [ ! -x "$environment/bin/python" ]; then
    "${PYTHON:-python3}" -m venv "$environment"
    "$environment/bin/pip" install --quiet "tensorflow==$release" "cyclopts>=4.5,<6"
fi
status=0
for version in "$@"; do
    echo "$version under TensorFlow $release"
    PYTHONPATH=$root "$environment/bin/python" -m export.verify "$version" || status=1
done
exit $status
