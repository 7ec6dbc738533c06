// The page: a picture in (dropped, pasted, chosen, photographed), the server's answer out.
// Text from the server goes into the page as text, never as HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const TOP = 5;
const NO_PLANT = "no_plant"; // species id of pictures that show no plant
let newest = 0; // only the newest picture's answer is shown

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// Never 100 %: no model can know that.
const percent = (p) => (p < 0.005 ? "under 1 %" : `${Math.min(99, Math.round(100 * p))} %`);

function sureness(p) {
  if (p >= 0.95) return "Very sure";
  if (p >= 0.8) return "Fairly sure";
  if (p >= 0.6) return "Rather sure";
  return "A guess";
}

function bar(p) {
  const fill = element("span", "fill");
  fill.style.width = `${100 * p}%`;
  const made = element("span", "bar", fill);
  made.setAttribute("aria-hidden", "true"); // the number beside it says the same
  return made;
}

// What to show in large words for each kind of answer, and what it means.
function words(row) {
  switch (row.answer) {
    case "condition":
      return { over: row.species, title: row.condition, tone: "good" };
    case "species":
      return {
        title: row.species,
        tone: "good",
        note: "Which plant it is seems clear, but not what it has. A picture of one leaf, " +
          "close up and in daylight, often helps.",
      };
    case "not_a_plant":
      return {
        title: "Not a plant",
        tone: "calm",
        note: "There seems to be no leaf in this picture. If there is one, move closer, so that " +
          "it fills the picture.",
      };
    case "unknown_species":
      return {
        title: "Unknown species",
        tone: "calm",
        note: "A plant, but none of the species that this model knows. Of those it is most like " +
          `${row.best_guess}. What it knows is listed below.`,
      };
    default:
      return {
        title: "Not sure",
        tone: "calm",
        note: `The best guess is ${row.best_guess}, but that is not sure enough to count. It may ` +
          "be a plant that this model has not learnt, or a picture that is dark or out of focus.",
      };
  }
}

// `again` asks about the same picture without the rejection rule.
function showAnswer(row, again) {
  const { over, title, note, tone } = words(row);
  const parts = [];
  if (over) parts.push(element("p", "over", over));
  parts.push(element("p", "title", title));
  const byRule = row.probability === null; // it has a score, but no probability to show
  if (!byRule) {
    const sure = row.answer === "not_sure" ? "Best guess" : sureness(row.probability);
    parts.push(element("p", "sure", bar(row.probability), `${sure}, ${percent(row.probability)}`));
  }
  if (note) parts.push(element("p", "note", note));
  if (byRule) {
    const button = element("button", "button", "Answer anyway");
    button.type = "button";
    button.addEventListener("click", again);
    parts.push(button);
  }
  $("answer").replaceChildren(element("div", tone, ...parts));
  $("candidates").replaceChildren(...row.candidates.map(candidate));
  const ms = Math.max(1, Math.round(row.timings.total_ms));
  $("facts").textContent = `Answered by the server in ${ms} ms with ${row.model.file}.`;
  $("more").hidden = byRule; // what it could be, if it were one of those, would say the contrary
}

function candidate(one) {
  const condition = one.species_id === NO_PLANT ? "" : ` ${one.condition}`;
  const name = element("span", "name", element("b", "", one.species), condition);
  const number = element("span", "number", percent(one.probability));
  return element("li", "", name, number, bar(one.probability));
}

function showError(message, whatToDo) {
  const parts = [element("p", "title", "That did not work"), element("p", "note", message.replace(/\.?$/, "."))];
  if (whatToDo) parts.push(element("p", "note", whatToDo));
  $("answer").replaceChildren(element("div", "bad", ...parts));
  $("more").hidden = true;
}

function showPreview(file) {
  const image = $("preview");
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = true;
  $("empty").hidden = false;
  image.onload = () => {
    image.hidden = false;
    $("empty").hidden = true;
  };
  image.src = URL.createObjectURL(file);
}

function showWaiting(waiting) {
  $("busy").hidden = !waiting;
  $("drop").setAttribute("aria-busy", String(waiting));
  if (!waiting) return;
  $("more").hidden = true;
  $("answer").replaceChildren(element("p", "waiting", "Looking at your picture …"));
}

async function ask(file, reject = "on") {
  const mine = ++newest;
  showPreview(file);
  showWaiting(true);
  let show;
  try {
    const form = new FormData();
    form.append("image", file);
    const url = `/api/predict?top=${TOP}&reject=${reject}`;
    const response = await fetch(url, { method: "POST", body: form });
    const row = await response.json();
    show = response.ok
      ? () => showAnswer(row, () => ask(file, "off"))
      : () => showError(row.error.message, row.error.what_to_do);
  } catch {
    show = () => showError("The server did not answer.", "Is it still running? Then try again.");
  }
  if (mine !== newest) return;
  showWaiting(false);
  show();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("answer").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

function firstFile(list) {
  if (list && list.length) ask(list[0]);
}

for (const id of ["choose", "camera"]) {
  $(id).addEventListener("change", (event) => {
    firstFile(event.target.files);
    event.target.value = ""; // so that choosing the same file again asks again
  });
}

// The whole window takes a drop: beside the frame, the browser would leave the page.
let inside = 0; // dragenter and dragleave fire for every element passed
const mark = (by) => {
  inside = by === 0 ? 0 : inside + by;
  $("drop").classList.toggle("over", inside > 0);
};
addEventListener("dragenter", () => mark(1));
addEventListener("dragleave", () => mark(-1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  mark(0);
  firstFile(event.dataTransfer.files);
});
addEventListener("paste", (event) => firstFile(event.clipboardData.files));

async function showModel() {
  const response = await fetch("/api/model");
  if (!response.ok) return;
  const model = await response.json();
  const plants = model.species.filter((one) => one.species_id !== NO_PLANT);
  const conditions = plants.reduce((sum, one) => sum + one.conditions.length, 0);
  $("about").textContent =
    `Model ${model.name}: ${plants.length} plants, ${conditions} conditions.`;
  $("species").replaceChildren(
    ...plants.map((one) => element("li", "", `${one.name} `, element("i", "", one.scientific))),
  );
  $("known").hidden = false;
}

showModel().catch(() => {}); // the page works without it
