#!/bin/sh
# Runs the real TensorFlow Serving image on a folder of exported models and replays every golden request, over REST and
# over gRPC. Needs Docker, and tfgen with its extra: pip install "tfgen[serving]"
#
#   tests/compatibility/tensorflow_serving.sh served
#
# IMAGE names another image than tensorflow/serving:2.20.0, PYTHON another interpreter.
set -eu
[ $# -eq 1 ] && [ -f "$1/models.config" ] || { echo "usage: $0 FOLDER_OF_EXPORTED_MODELS" >&2; exit 2; }
folder=$(cd "$1" && pwd)
python=${PYTHON:-python3}
container=$(docker run --detach --rm -p 127.0.0.1::8500 -p 127.0.0.1::8501 -v "$folder:/models:ro" \
    "${IMAGE:-tensorflow/serving:2.20.0}" --model_config_file=/models/models.config --enable_batching=true \
    --batching_parameters_file=/models/batching.config --monitoring_config_file=/models/monitoring.config)
trap 'docker logs "$container" 2>&1 | tail -n 20; docker stop "$container" >/dev/null' EXIT
grpc=$(docker port "$container" 8500/tcp | head -n 1)
rest=$(docker port "$container" 8501/tcp | head -n 1)
status=0
for model in "$folder"/*/; do
    newest=$(ls "$model" | grep -E '^[0-9]+$' | sort -n | tail -n 1)
    [ -n "$newest" ] || continue
    "$python" -m export.replay "$model$newest" --url "http://$rest" --wait 120 || status=1
    "$python" -m export.replay "$model$newest" --url "grpc://$grpc" --wait 120 || status=1
done
curl --silent --fail "http://$rest/monitoring/prometheus/metrics" | grep -q tensorflow || status=1
[ $status -eq 0 ] && echo "the image answers every golden request as the models do in Python"
exit $status
