// The server's API. In: pictures, addresses, corrections. Out: rows; a Refusal says what is wrong
// with what was sent, and ServerAway that nobody answered.

const TIMEOUT_MS = 30_000;
const TRIES = 3; // of a server that is busy
const LONGEST_WAIT_S = 5;

export class ServerAway extends Error {}

export class Refusal extends Error {
  constructor({ code, message, what_to_do }) {
    super(message);
    Object.assign(this, { code, whatToDo: what_to_do });
  }
}

export class Server {
  // `address` is the folder that holds api/, with a slash at its end.
  constructor(address) {
    this.address = address;
  }

  async predict(picture, reject) {
    const form = new FormData();
    form.append("image", picture, "picture");
    return this.#post(predictPath(reject), { body: form });
  }

  // The server fetches the picture by itself, where it may.
  async predictAddress(url, reject) {
    return this.#post(predictPath(reject), json({ url }));
  }

  // `picture` is null, or given with the consent of whoever took it.
  async correct(correction, picture) {
    if (!picture) return this.#post("api/feedback", json(correction));
    const form = new FormData();
    form.append("feedback", JSON.stringify(correction));
    form.append("image", picture, "picture");
    return this.#post("api/feedback", { body: form });
  }

  async #post(path, what) {
    for (let tries = 1; ; tries++) {
      const response = await this.#fetch(path, what);
      const row = await response.json().catch(() => null); // a proxy's own words are no answer
      if (response.ok && row) return row;
      const wait_s = Number(response.headers.get("Retry-After"));
      if (response.status === 503 && tries < TRIES && wait_s <= LONGEST_WAIT_S) {
        await new Promise((done) => setTimeout(done, 1000 * Math.max(wait_s, 0.5)));
      } else if (row?.error) {
        throw new Refusal(row.error);
      } else {
        throw new ServerAway(`${response.status} from the server`);
      }
    }
  }

  async #fetch(path, what) {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await fetch(new URL(path, this.address), { method: "POST", signal, ...what });
    } catch (error) {
      throw new ServerAway(error.message); // not there, cut off, or too slow
    }
  }
}

const predictPath = (reject) => `api/predict?top=5&reject=${reject ? "on" : "off"}`;

const json = (value) => ({
  body: JSON.stringify(value),
  headers: { "Content-Type": "application/json" },
});
