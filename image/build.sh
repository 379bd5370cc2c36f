#!/bin/sh
# Build the image with docker, podman or buildah, whichever works here, and print its layers.
#   [IMAGE=…] [ENGINE=podman] image/build.sh [BUILD OPTION …]
# The default image is the one that compiled packages name: pipeline_tools/image.py.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
image=${IMAGE:-taxi-pipeline-python:$version}

works() {
  case $1 in
  docker) docker info >/dev/null 2>&1 ;; # the program is often there without its engine
  *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

engine=${ENGINE:-}
for each in docker podman buildah; do
  [ -n "$engine" ] || ! works "$each" || engine=$each
done
case $engine in
docker | podman | buildah) ;;
'')
  echo "error: no docker engine answers here, and there is neither podman nor buildah. Install one of them, for example: apt-get install buildah" >&2
  exit 2
  ;;
*)
  echo "error: ENGINE=$engine: must be docker, podman or buildah" >&2
  exit 2
  ;;
esac
if ! works "$engine"; then
  echo "error: ENGINE=$engine: it is not installed, or its engine does not answer" >&2
  exit 2
fi

echo "building $image with $engine …"
case $engine in
docker) docker build --build-arg "VERSION=$version" --tag "$image" "$@" . ;;
*) "$engine" build --layers --build-arg "VERSION=$version" --tag "$image" "$@" . ;;
esac
case $engine in
buildah) # knows no history
  layers=$(mktemp -d)
  trap 'rm -rf "$layers"' EXIT
  buildah push --quiet --disable-compression "$image" "dir:$layers"
  python3 image/layers.py "$layers"
  ;;
*) "$engine" history "$image" ;;
esac
