// The dialog that corrects an answer. In: an entry and the bundle's labels. Out: what the server
// writes down for the next training, and the picture if its owner says so.
import { $, element } from "./dom.js";
import { NO_PLANT, UNKNOWN } from "./labels.js";
import { Refusal } from "./server.js";

const OTHER = ""; // value of "another plant", or of what else it may be
const UNSAID = "";

// -> open(entry, isPrivate), for entries as history_store.js has them.
export function prepareCorrection(labels, server) {
  const plants = labels.species.filter(({ species_id }) => species_id !== NO_PLANT);
  $("correct-species").replaceChildren(
    ...plants.map(({ species_id, species }) => new Option(species, species_id)),
    new Option(labels.ofPlants ? "There is no plant in it" : "None of these", NO_PLANT),
    new Option(labels.ofPlants ? "Another plant" : "Something else", OTHER),
  );
  $("correct-species").addEventListener("change", () => showConditions(labels));
  $("correct-cancel").addEventListener("click", () => $("correct").close());
  let entry;
  $("correct-form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(entry, server);
  });
  return (which, isPrivate) => {
    entry = which;
    $("correct-form").reset();
    $("correct-problem").hidden = true;
    $("correct-consent-line").hidden = isPrivate || !entry.picture;
    $("correct-species").value = entry.row.species[0].species_id;
    showConditions(labels);
    $("correct").showModal();
  };
}

function showConditions(labels) {
  const species = $("correct-species").value;
  const own = labels.classes.filter((one) => one.species_id === species);
  const told = own.filter(({ condition_id }) => condition_id !== UNKNOWN);
  $("correct-condition").replaceChildren(
    new Option("I don\u2019t know", UNSAID),
    ...told.map(({ condition_id, condition }) => new Option(condition, condition_id)),
  );
  $("correct-condition-line").hidden =
    species === OTHER || species === NO_PLANT || !labels.ofPlants;
  $("correct-other-line").hidden = species !== OTHER;
  $("correct-other").required = species === OTHER;
}

async function send(entry, server) {
  const consent = $("correct-consent").checked && !$("correct-consent-line").hidden;
  $("correct-send").disabled = true;
  $("correct-problem").hidden = true;
  try {
    await server.correct(correction(entry, consent), consent ? entry.picture : null);
    $("correct").close();
    $("actions").replaceChildren(element("p", "thanks", "Thank you. The correction was noted."));
  } catch (error) {
    const words =
      error instanceof Refusal
        ? `${error.message} ${error.whatToDo}`
        : "The server can\u2019t be reached. Nothing was sent.";
    $("correct-problem").textContent = words;
    $("correct-problem").hidden = false;
  } finally {
    $("correct-send").disabled = false;
  }
}

function correction({ row }, consent) {
  const { rank, species_id, condition_id, probability } = row.answer;
  const { name, version, sha256 } = row.model;
  const species = $("correct-species").value;
  const note = $("correct-note").value.trim();
  const saysCondition = !$("correct-condition-line").hidden;
  return {
    ...(row.request_id ? { request_id: row.request_id } : {}),
    predicted: { rank, species_id, condition_id, probability },
    model: { name, version, sha256 },
    source: row.source,
    correct:
      species === OTHER
        ? { species_id: null, condition_id: null, other: $("correct-other").value.trim() }
        : {
            species_id: species,
            condition_id: (saysCondition && $("correct-condition").value) || null,
          },
    consent,
    ...(note ? { note } : {}),
  };
}
