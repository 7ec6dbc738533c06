// The history as a row of small pictures. A browser that keeps nothing (a private window) shows none.
import { $, button, element } from "./dom.js";
import { forget, forgetAll, keep, readHistory } from "./history_store.js";
import { inShort } from "./words.js";

const addresses = new Map(); // id -> object URL of its picture

// `open(entry)` shows one again.
export async function showHistory(open) {
  let entries;
  try {
    entries = await readHistory();
  } catch {
    return; // no database here: nothing was kept, and nothing can be shown
  }
  const ids = new Set(entries.map(({ id }) => id));
  for (const [id, address] of addresses) {
    if (ids.has(id)) continue;
    URL.revokeObjectURL(address);
    addresses.delete(id);
  }
  $("history").hidden = entries.length === 0;
  $("history-list").replaceChildren(...entries.map((entry) => card(entry, open)));
  $("history-clear").onclick = async () => {
    await forgetAll();
    $("history-said").textContent = "All pictures were deleted from this device.";
    await showHistory(open);
    $("choose").focus();
  };
}

export async function addToHistory(picture, answer, open) {
  try {
    await keep(picture, answer);
  } catch {
    return; // as above, or a picture that the server can read and this browser can't
  }
  await showHistory(open);
}

function card(entry, open) {
  if (!addresses.has(entry.id)) addresses.set(entry.id, URL.createObjectURL(entry.picture));
  const image = element("img");
  Object.assign(image, { src: addresses.get(entry.id), alt: "", loading: "lazy" });
  const [title, below] = inShort(entry.row);
  const time = element("time", "fine", timeOf(entry.time));
  time.dateTime = new Date(entry.time).toISOString();
  const words = element("span", "words", element("b", "", title));
  if (below) words.append(element("span", "below", below));
  words.append(time);
  const again = button("", "again", () => open(entry));
  again.append(image, words);
  const away = button("\u00D7", "away", async () => {
    await forget(entry.id);
    $("history-said").textContent = `${title} was deleted from this device.`;
    await showHistory(open);
    ($("history-list").querySelector("button") ?? $("choose")).focus();
  });
  away.setAttribute("aria-label", `Delete ${title}, ${timeOf(entry.time)}`);
  return element("li", "", again, away);
}

function timeOf(time) {
  const isToday = new Date(time).toDateString() === new Date().toDateString();
  const how = isToday ? { timeStyle: "short" } : { dateStyle: "medium" };
  return new Intl.DateTimeFormat("en-GB", how).format(time);
}
