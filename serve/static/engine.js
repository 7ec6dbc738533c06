// TF.js in this worker: a graph model on WebAssembly, or on WebGL where that fails. In: levels of a
// square picture. Out: probabilities and scores.

// What each backend needs beside core and converter. WebGL's is large, and fetched only if used.
const NEEDS = { wasm: "tf-backend-wasm.es2017.min.js", webgl: "tf-backend-webgl.es2017.min.js" };
export const BACKENDS = Object.keys(NEEDS);

// Each of these adds itself to the global `tf`.
const load = (vendor, name) => import(new URL(name, vendor));

// `model` is what shards.js fetched, `vendor` the address of the folder with TF.js.
// -> async (Float32Array (size, size, 3)) -> { species, joint, rejection }
export async function startEngine(backend, model, vendor) {
  await load(vendor, "tf-core.es2017.min.js");
  await load(vendor, "tf-converter.es2017.min.js");
  await load(vendor, NEEDS[backend]);
  if (backend === "wasm") tf.wasm.setWasmPaths(vendor);
  if (!(await tf.setBackend(backend))) throw new Error(`${backend} does not start`);
  await tf.ready();
  const { weightsManifest, ...json } = model.json;
  const artifacts = {
    ...json,
    weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
    weightData: model.weights,
  };
  const graph = await tf.loadGraphModel({ load: async () => artifacts });
  const [{ shape }] = graph.inputs;
  return async (levels) => {
    const input = tf.tensor(levels, shape);
    const outputs = graph.predict(input);
    const read = async (name) => [...(await outputs[name].data())];
    try {
      const [species, joint, rejection] = await Promise.all(
        ["species_log_probs", "joint_log_probs", "rejection"].map(read),
      );
      return { species: species.map(Math.exp), joint: joint.map(Math.exp), rejection };
    } finally {
      tf.dispose([input, outputs]);
    }
  };
}
