// The pictures of this device and what was said of them, in this browser's own database. Nothing of
// it is ever sent.

const NAME = "leaflake";
const STORE = "pictures";
const KEPT = 60; // entries; the oldest goes
const SIDE = 800; // pixels, the longer side of a picture that is kept: some 100 KB

// An entry is { id, time: ms, picture: Blob, row, why, label or null }.

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let database; // opened once

async function run(mode, work) {
  const transaction = (await (database ??= open())).transaction(STORE, mode);
  const request = work(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

// Newest first.
export async function readHistory() {
  return (await run("readonly", (store) => store.getAll())).reverse();
}

// -> the entry as it was kept, with its id.
export async function keep(picture, { row, why, label = null }) {
  const entry = { time: Date.now(), picture: await reduce(picture), row, why, label };
  const id = await run("readwrite", (store) => store.add(entry));
  const ids = await run("readonly", (store) => store.getAllKeys());
  for (const old of ids.slice(0, Math.max(0, ids.length - KEPT))) await forget(old);
  return { ...entry, id };
}

export const forget = (id) => run("readwrite", (store) => store.delete(id));

export const forgetAll = () => run("readwrite", (store) => store.clear());

// A smaller copy, which also lacks whatever else the file said, such as where it was taken.
async function reduce(picture) {
  const bitmap = await createImageBitmap(picture);
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) =>
    Math.max(1, Math.round(side * scale)),
  );
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}
