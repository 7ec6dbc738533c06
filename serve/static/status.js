// What the page can do right now, in a few words, and what its model knows.
import { $, element } from "./dom.js";
import { NO_PLANT, UNKNOWN } from "./labels.js";

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

// `server` is null where there is none.
export function showStatus(device, server) {
  const { state, got, total } = device;
  const offline = navigator.onLine === false;
  const { kind, text, title } = words(device, server, offline);
  $("status").dataset.kind = kind;
  $("status").title = title;
  // Set only when it changes, as a screen reader says it each time.
  if ($("status-text").textContent !== text) $("status-text").textContent = text;
  $("load").hidden = state !== "loading" || total === 0;
  if (total === 0) return;
  const share = got / total;
  $("load-fill").style.inlineSize = `${100 * share}%`;
  $("load-bar").setAttribute("aria-valuenow", String(Math.round(100 * share)));
  $("load-text").textContent =
    got < total
      ? `Loading this device\u2019s model, ${megabytes(got)} of ${megabytes(total)} MB`
      : "Trying the model on a picture whose answer is known";
}

function words({ state, why, backend }, server, offline) {
  if (state === "ready") {
    const title = `The model runs in this browser (TF.js, ${backend})`;
    if (offline) return { kind: "ready", text: "Offline: answers on this device", title };
    return { kind: "ready", text: "Answers on this device", title };
  }
  if (state === "loading") {
    return {
      kind: "loading",
      text: server ? "The server answers for now" : "Getting ready",
      title: "",
    };
  }
  const title = `No model on this device: ${why}`;
  if (!server) return { kind: "none", text: "No model here", title };
  if (offline) return { kind: "none", text: "Offline", title };
  return { kind: "server", text: "The server answers", title };
}

export function showAbout(manifest, labels, server) {
  const plants = labels.species.filter(({ species_id }) => species_id !== NO_PLANT);
  const ids = new Set(plants.map(({ species_id }) => species_id));
  const told = labels.classes.filter(
    (one) => ids.has(one.species_id) && one.condition_id !== UNKNOWN,
  );
  const inConditions = told.length > 0 ? ` in ${told.length} conditions` : "";
  const what = labels.ofPlants ? `plants${inConditions}` : "classes";
  $("about").textContent = `The model ${manifest.name} knows ${plants.length} ${what}.`;
  $("plants").replaceChildren(
    ...plants.map(({ species_id, species, scientific }) => {
      const own = told.filter((one) => one.species_id === species_id);
      const names = own.map(({ condition }) => condition).join(", ");
      const head = element("p", "", element("b", "", species), " ", element("i", "", scientific));
      return element(
        "li",
        "",
        head,
        element("p", "fine", names || (labels.ofPlants ? "Of its conditions it knows none" : "")),
      );
    }),
  );
  $("known").hidden = false;
  $("api-line").hidden = !server;
  if (server) $("api").href = new URL("api/", server.address);
  $("forgets").hidden = !server;
}
