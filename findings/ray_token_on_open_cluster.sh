#!/usr/bin/env bash
# Ray 2.60.0: on a machine whose cluster was started without a token, a token file that appears later
# (any program's ray.init() without a cluster writes one) makes every new driver lose its actors as
# they begin. Connecting and ray.nodes() work, and the error speaks of references to the actor that
# were removed, though the driver holds one; of authentication it says nothing. Seen:
#   without a token file: hello
#   with one: ActorDiedError, all references to the actor were removed
#   without it again: hello
# address="auto" takes a token file for the wish to authenticate; the cluster's head, which has none,
# is then, as it seems, refused when it asks the driver whether it still needs the actor.
set -euo pipefail

work=$(mktemp -d)
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ray==2.60.0

export HOME=$work/home RAY_TMPDIR=$work/ray RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS RAY_AUTH_MODE
mkdir "$HOME"
"$work/venv/bin/ray" start --head --block --port=6399 --num-cpus=2 --include-dashboard=false \
    --object-store-memory=150000000 > "$work/head" 2>&1 &
head=$!
trap 'kill $head; wait $head || true; rm -rf "$work"' EXIT

cat > "$work/actor.py" <<'PYTHON'
import sys

import ray


class Greeter:
    def greet(self) -> str:
        return "hello"


ray.init(address="auto", log_to_driver=False, configure_logging=False)
assert [node["Alive"] for node in ray.nodes()] == [True]
actor = ray.remote(Greeter).remote()
try:
    found = ray.get(actor.greet.remote(), timeout=100)
except ray.exceptions.ActorDiedError as error:
    words = "all references to the actor were removed"
    found = f"ActorDiedError, {words if words in str(error) else error}"
print(f"{sys.argv[1]}: {found}")
PYTHON
until grep -q "Ray runtime started" "$work/head"; do sleep 1; done
cd "$work"
{
    venv/bin/python actor.py "without a token file"
    venv/bin/ray get-auth-token --generate > /dev/null
    venv/bin/python actor.py "with one"
    rm "$HOME/.ray/auth_token"
    venv/bin/python actor.py "without it again"
} 2> "$work/errors" | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
without a token file: hello
with one: ActorDiedError, all references to the actor were removed
without it again: hello
SEEN
