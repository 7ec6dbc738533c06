// The browser's model, beside the page so that the page never waits. In: {kind: "load", ...} once,
// then {kind: "ask", number, picture}. Out: "bytes", then "ready" or "failed"; "said" or "refused".
import { decodePicture } from "./decode.js";
import { BACKENDS, startEngine } from "./engine.js";
import { fault } from "./golden.js";
import { resizeLevels } from "./resize.js";
import { fetchModel } from "./shards.js";

let run; // levels -> what the model says
let takes; // the manifest's `input`: the square that it takes, and how far a picture may be reduced

async function load({ bundle, vendor, files, input, golden, thresholds, most }) {
  takes = input;
  const onBytes = (got, total) => postMessage({ kind: "bytes", got, total });
  const model = await fetchModel(bundle, files, onBytes);
  const picture = golden && (await fetchPicture(new URL(`golden/${golden.picture}`, bundle)));
  const faults = [];
  for (const backend of BACKENDS) {
    try {
      run = await startEngine(backend, model, vendor);
      const found = golden ? fault((await ask(picture)).said, golden, thresholds, most) : null;
      if (!found) return backend;
      faults.push(`${backend}: ${found}`);
    } catch (error) {
      // Whatever a browser's WebAssembly or WebGL fails with, the next may do.
      faults.push(`${backend}: ${error.message}`);
    }
  }
  throw new Error(faults.join("; "));
}

async function fetchPicture(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname}: ${response.status}`);
  return response.blob();
}

async function ask(picture) {
  const started = performance.now();
  const image = await decodePicture(picture, takes.reduce_to);
  const decoded = performance.now();
  const said = await run(resizeLevels(image, takes.eval_size));
  const answered = performance.now();
  const timings = { decode_ms: decoded - started, inference_ms: answered - decoded };
  return { said, timings };
}

onmessage = async ({ data }) => {
  if (data.kind === "load") {
    try {
      postMessage({ kind: "ready", backend: await load(data) });
    } catch (error) {
      postMessage({ kind: "failed", why: error.message });
    }
    return;
  }
  try {
    postMessage({ kind: "said", number: data.number, ...(await ask(data.picture)) });
  } catch (error) {
    postMessage({ kind: "refused", number: data.number, why: error.message });
  }
};
