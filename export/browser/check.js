// Asks the model in TF.js, and the same in onnxruntime-web, for their answers to the pictures that
// export/tfjs_browser.py serves, times both, and posts what came out.
import { decodePicture } from "/static/decode.js";
import { resizeLevels } from "/static/resize.js";

const post = (path, body) => fetch(path, { method: "POST", body });
// What is posted of an answer, side by side; a model without a rejection rule lacks the last.
const wanted = ["species_log_probs", "joint_log_probs", "rejection"];
const wasm = "/npm/@tensorflow/tfjs-backend-wasm/dist/";

async function startTfjs({ threads }) {
  tf.wasm.setWasmPaths(wasm);
  tf.wasm.setThreadsCount(threads);
  await tf.setBackend("wasm");
  const model = await tf.loadGraphModel("/model/model.json");
  return async (levels, size) => {
    const input = tf.tensor4d(levels, [1, size, size, 3]);
    const said = model.predict(input);
    const answer = [];
    for (const name of wanted) if (said[name]) answer.push(await said[name].data());
    tf.dispose([input, said]);
    return answer;
  };
}

async function startOrt({ threads }) {
  ort.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create("/core.onnx", { executionProviders: ["wasm"] });
  return async (levels, size) => {
    const planes = new Float32Array(levels.length); // (3, size, size)
    const area = size * size;
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) planes[c * area + i] = levels[3 * i + c];
    }
    const said = await session.run({ levels: new ort.Tensor("float32", planes, [1, 3, size, size]) });
    return wanted.filter((name) => said[name]).map((name) => said[name].data);
  };
}

async function timed(work) {
  const started = performance.now();
  const result = await work();
  return [performance.now() - started, result];
}

async function check() {
  const task = await (await fetch("/task.json")).json();
  const { size, pictures, repeats, warm_up: warmUp, timed_shape: [height, width] } = task;
  const image = { width, height, data: new Uint8ClampedArray(4 * width * height).fill(99) };
  for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 2654435761) >>> 24;
  const answers = {};
  const result = { isolated: crossOriginIsolated, first_ms: {}, warm_ms: {}, resize_ms: [] };
  for (const [name, start] of [["tfjs", startTfjs], ["ort", startOrt]]) {
    if (!task.runtimes.includes(name)) continue;
    // From the first look at the model's files to an answer: start-up, weights, first run.
    [result.first_ms[name]] = await timed(async () => {
      answers[name] = await start(task);
      await answers[name](resizeLevels(image, size), size);
    });
    result.warm_ms[name] = [];
  }
  for (let repeat = 0; repeat < warmUp + repeats; repeat++) {
    for (const name in answers) { // in turn, so that a slow moment hits all alike
      const [resizeMs, levels] = await timed(async () => resizeLevels(image, size));
      const [answerMs] = await timed(() => answers[name](levels, size));
      if (repeat < warmUp) continue;
      result.resize_ms.push(resizeMs);
      result.warm_ms[name].push(resizeMs + answerMs);
    }
  }
  for (let number = 0; number < pictures; number++) {
    const encoded = await (await fetch(`/picture/${number}`)).blob();
    const levels = resizeLevels(await decodePicture(encoded), size);
    if (number < task.levels) await post(`/levels/${number}`, levels);
    for (const name in answers) {
      await post(`/answer/${name}/${number}`, new Blob(await answers[name](levels, size)));
    }
  }
  await post("/done", JSON.stringify(result));
}

const fail = (why) => post("/failed", String((why && why.stack) || why));
window.addEventListener("error", (event) => fail(event.message));
check().catch(fail);
