// The files of the browser's model, with what has come so far. In: addresses, sizes and hashes from
// the bundle's manifest. Out: the model's JSON and all weights. Rejects what is not as it should be.

// `files` is name -> {bytes, sha256}, `base` the folder's address with a slash at its end.
// `onBytes(got, total)` is called as they come.
export async function fetchModel(base, files, onBytes) {
  const names = Object.keys(files).filter((name) => name.startsWith("browser/"));
  const total = names.reduce((sum, name) => sum + files[name].bytes, 0);
  const got = new Map();
  const fetched = await Promise.all(
    names.map(async (name) => {
      const count = (bytes) => {
        got.set(name, bytes);
        onBytes(
          [...got.values()].reduce((sum, each) => sum + each, 0),
          total,
        );
      };
      return [name, await fetchWhole(new URL(name, base), name, files[name], count)];
    }),
  );
  const data = new Map(fetched);
  const json = JSON.parse(new TextDecoder().decode(data.get("browser/model.json")));
  const groups = json.weightsManifest;
  const shards = groups.flatMap(({ paths }) => paths.map((path) => data.get(`browser/${path}`)));
  return { json, weights: await new Blob(shards).arrayBuffer() };
}

// A file whose bytes are those of the manifest. Where a cache holds other ones, it is asked past the
// caches before it is given up.
async function fetchWhole(address, name, expected, count) {
  const first = await fetchBytes(address, count, "default");
  if (await isWhole(first, expected)) return first;
  const second = await fetchBytes(address, count, "reload");
  if (await isWhole(second, expected)) return second;
  throw new Error(`${name} is not the file that the bundle names`);
}

async function fetchBytes(address, count, cache) {
  const response = await fetch(address, { cache });
  if (!response.ok) throw new Error(`${address.pathname}: ${response.status}`);
  const parts = [];
  let bytes = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    count((bytes += part.value.length));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// Browsers hash only where nobody can change what comes over the wire, at https and on this machine;
// elsewhere the length and the golden picture have to do.
async function isWhole(data, { bytes, sha256 }) {
  if (data.length !== bytes) return false;
  if (!globalThis.crypto?.subtle) return true;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}
