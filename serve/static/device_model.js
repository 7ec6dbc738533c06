// The model on this device, from the page's side. It is "absent", "loading", "ready" or "failed".
import { tolerance } from "./golden.js";
import { answerRow } from "./decide.js";
import { BROWSER_MODEL } from "./labels.js";

const TIMEOUT_MS = 20_000; // a phone of ten years ago takes two seconds

// Raised where the model on this device did not answer; `isPicture` if it is the picture's fault.
export class NoAnswer extends Error {
  constructor(why, isPicture) {
    super(why);
    this.isPicture = isPicture;
  }
}

export class DeviceModel {
  state = "loading";
  got = 0; // bytes
  total = 0;
  why = ""; // it is absent, or has failed
  backend = "";
  #waiting = new Map(); // number of the question -> {resolve, reject}
  #asked = 0;

  // `onChange` is called after every change of what is above.
  constructor(manifest, labels, thresholds, onChange) {
    Object.assign(this, { manifest, labels, thresholds, onChange });
    this.settled = new Promise((resolve) => (this.#settle = resolve));
  }

  #settle;

  // There is nothing to load, and this is why.
  isAbsent(why) {
    this.#change({ state: "absent", why });
    this.#settle();
  }

  // `golden` is the picture to try it on, if there is one.
  load(bundle, vendor, golden) {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#hear(data);
    this.worker.onerror = (event) => this.#fail(event.message || "the worker did not start");
    const { files, input } = this.manifest;
    this.worker.postMessage({
      kind: "load",
      bundle: String(bundle),
      vendor: String(vendor),
      files,
      input,
      golden,
      thresholds: this.thresholds,
      most: tolerance(this.manifest),
    });
  }

  // The row of a picture. Rejects with NoAnswer.
  async ask(picture, reject = true) {
    const started = performance.now();
    const { said, timings } = await this.#question(picture);
    const { name, created, sha256 } = this.manifest;
    const model = { name, version: created, sha256, file: BROWSER_MODEL };
    const row = answerRow(said, this.labels, this.thresholds, model, { reject });
    const total_ms = performance.now() - started;
    return { ...row, source: "browser", timings: { ...timings, total_ms }, request_id: null };
  }

  #question(picture) {
    const number = ++this.#asked;
    const answer = new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
    const timer = setTimeout(() => this.#fail("it took too long"), TIMEOUT_MS);
    this.worker.postMessage({ kind: "ask", number, picture });
    return answer.finally(() => clearTimeout(timer));
  }

  #hear({ kind, number, ...data }) {
    if (kind === "bytes") return this.#change(data);
    if (kind === "failed") return this.#fail(data.why);
    if (kind === "ready") {
      this.#change({ state: "ready", ...data });
      return this.#settle();
    }
    const asked = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (kind === "said") asked.resolve(data);
    else asked.reject(new NoAnswer(data.why, true));
  }

  #fail(why) {
    this.worker.terminate();
    this.#change({ state: "failed", why });
    for (const { reject } of this.#waiting.values()) reject(new NoAnswer(why, false));
    this.#waiting.clear();
    this.#settle();
  }

  #change(what) {
    Object.assign(this, what);
    this.onChange();
  }
}
