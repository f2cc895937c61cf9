#!/bin/sh
# An experiment in another language: it is told its parameters as --name value.
set -eu
mesh=0 scheme=''
while [ $# -gt 0 ]; do
    case $1 in
        --mesh) mesh=$2 ;;
        --scheme) scheme=$2 ;;
        *) echo "simulate.sh: $1 is not known" >&2 && exit 2 ;;
    esac
    shift 2
done
echo "simulated $((mesh * mesh)) cells with $scheme"
