// The answer on the page: the node answered, how sure, by whom, what else it could be.
import { $, bar, button, element } from "./dom.js";
import { leastSure, others, percent, sureness, whoAnswered, words } from "./words.js";

// `bundle` is { labels, thresholds }; `more` is { label: what an example really shows, or null;
// actions: [{text, act}] }.
export function showAnswer(row, why, bundle, { label, actions }) {
  const { tone, over, latin, title, chip, note } = words(row, bundle.labels);
  const { rank, probability } = row.answer;
  const parts = [];
  if (over || latin) {
    const line = element("p", "over");
    if (over) line.append(element("span", "", over));
    if (latin) line.append(element("i", "", latin));
    parts.push(line);
  }
  parts.push(element("p", "title", title));
  if (probability !== null && rank !== "not_sure") {
    const how = element(
      "span",
      "",
      element("b", "", sureness(probability)),
      `, ${percent(probability)}`,
    );
    parts.push(element("div", "sure", bar(probability), how));
  }
  if (chip) parts.push(element("p", "chip", chip));
  if (note) parts.push(element("p", "note", note));
  if (why === "offline" || why === "busy" || why === "kept" || why === "no_server") {
    parts.push(element("p", "note", WHY_NOT[why]));
  }
  if (label) parts.push(element("p", "note", label));
  $("answer").replaceChildren(element("div", `said ${tone}`, ...parts));
  const found = others(row);
  showOthers(found, found && leastSure(row, bundle));
  $("who").replaceChildren(element("span", `dot ${row.source}`), whoAnswered(row, why));
  $("actions").replaceChildren(...actions.map(({ text, act }) => button(text, "quiet", act)));
  $("more").hidden = false;
}

const WHY_NOT = {
  offline: "The server might tell more, but it can\u2019t be reached now.",
  busy: "The server might tell more, but it is busy. Try again in a moment.",
  kept: "The server might tell more. It was not asked, as your pictures stay on this device.",
  no_server: "There is no server behind this page that could be asked.",
};

// `least` is from where on the first of the list would have been the answer, or null.
function showOthers(found, least) {
  $("others").hidden = !found;
  if (!found) return;
  $("others-heading").textContent = found.heading;
  $("others-list").replaceChildren(
    ...found.list.map(({ over, name, probability }, index) =>
      element(
        "li",
        "",
        element("span", "name", element("b", "", name), ` ${over}`),
        element("span", "number", percent(probability)),
        bar(probability, index === 0 ? least : null),
      ),
    ),
    ...(least === null
      ? []
      : [element("li", "fine", `The best guess would count from ${percent(least)} on.`)]),
  );
}

// `retry` is {text, act}, or null where trying again would not help.
export function showProblem(message, whatToDo, retry) {
  const sentence = message[0].toUpperCase() + message.slice(1).replace(/\.?$/, ".");
  const parts = [element("p", "title", "That did not work"), element("p", "note", sentence)];
  if (whatToDo) parts.push(element("p", "note", whatToDo));
  $("answer").replaceChildren(element("div", "said bad", ...parts));
  $("others").hidden = true;
  $("who").replaceChildren();
  $("actions").replaceChildren(...(retry ? [button(retry.text, "quiet", retry.act)] : []));
  $("more").hidden = !retry;
}

export function showWaiting(text) {
  $("more").hidden = true;
  $("answer").replaceChildren(element("p", "waiting", text));
}
