// An answer in words. In: a row. Out: what to show large, what it means, how sure, who answered.

import { NO_PLANT, UNKNOWN } from "./labels.js";

// Never 100 %: no model can know that.
export const percent = (p) =>
  p < 0.005 ? "under 1\u00A0%" : `${Math.min(99, Math.round(100 * p))}\u00A0%`;

export function sureness(p) {
  if (p >= 0.95) return "Very sure";
  if (p >= 0.8) return "Fairly sure";
  if (p >= 0.6) return "Rather sure";
  return "A guess";
}

const CAUSES = {
  abiotic: "Weather, soil or care",
  alga: "Caused by an alga",
  bacterium: "Caused by bacteria",
  fungus: "Caused by a fungus",
  nematode: "Caused by nematodes",
  nutrition: "Lack of nutrients",
  oomycete: "Caused by an oomycete",
  parasitic_plant: "Caused by another plant",
  phytoplasma: "Caused by a phytoplasma",
  pest: "Caused by animals",
  viroid: "Caused by a viroid",
  virus: "Caused by a virus",
}; // catalog/names/conditions.tsv

// -> { tone, over, latin, title, chip, note }, all but tone and title perhaps missing. `labels` are
// the bundle's.
export function words(row, labels) {
  const { rank, species, species_id, condition, condition_id } = row.answer;
  const [guess] = row.species;
  if (!row.of_plants) return classWords(row);
  switch (rank) {
    case "condition": {
      const own = labels.classes.find(
        (one) => one.species_id === species_id && one.condition_id === condition_id,
      );
      const healthy = condition_id === "healthy";
      return {
        tone: healthy ? "well" : "ill",
        over: species,
        latin: guess.scientific,
        title: condition,
        chip: CAUSES[own?.cause],
      };
    }
    case "species":
      return {
        tone: "well",
        latin: guess.scientific,
        title: species,
        note: hasConditions(row)
          ? "Which plant it is seems clear, but not what it has. A picture of one leaf, close up " +
            "and in daylight, often helps."
          : "",
      };
    case "not_a_plant":
      return {
        tone: "calm",
        title: NOTHING.plants,
        note:
          "There seems to be no leaf in this picture. If there is one, move closer, so that it " +
          "fills the picture.",
      };
    case "unknown_species":
      return {
        tone: "calm",
        title: "Unknown species",
        note:
          "A plant, but none of the species that this model knows. Of those it is most like " +
          `${guess.species}. What it knows is listed below.`,
      };
    default:
      return {
        tone: "unsure",
        title: "Not sure",
        note:
          `The best guess is ${nameOf(guess)}, but that is not sure enough to count. It may be a ` +
          "plant that this model has not learnt, or a picture that is dark or out of focus.",
      };
  }
}

// The same of a model that is not of plants, such as one of beaches and mountains.
function classWords({ answer, species: [guess] }) {
  if (answer.rank === "species") return { tone: "well", title: answer.species };
  if (answer.rank === "not_sure") {
    const note = `The best guess is ${nameOf(guess)}, but that is not sure enough to count.`;
    return { tone: "unsure", title: "Not sure", note };
  }
  const note = "It seems to be nothing that this model has learnt.";
  return { tone: "calm", title: NOTHING.classes, note };
}

const NOTHING = { plants: "Not a plant", classes: "None of these" };

// What is said of a picture that shows nothing of the kind.
export const nothing = (ofPlants) => (ofPlants ? NOTHING.plants : NOTHING.classes);

const nameOf = ({ species_id, species }) => (species_id === NO_PLANT ? "none of them" : species);

// Whether the species answered can have a condition that tells something, as far as the row lists them.
function hasConditions({ answer, conditions }) {
  const own = conditions.filter(({ species_id }) => species_id === answer.species_id);
  return own.some(({ condition_id }) => condition_id !== UNKNOWN);
}

// In one line, for a list of pictures.
export function inShort(row) {
  const { rank, species, condition } = row.answer;
  if (rank === "condition") return [condition, species];
  if (rank === "species") return [species, hasConditions(row) ? "What it has is not clear" : ""];
  const titles = {
    not_a_plant: nothing(row.of_plants),
    unknown_species: row.of_plants ? "Unknown species" : NOTHING.classes,
    not_sure: "Not sure",
  };
  return [titles[rank], ""];
}

// A class: what to say large, and before it or not at all the species whose condition that is.
export function named({ species_id, species, condition_id, condition, probability }, ofPlants) {
  if (species_id === NO_PLANT) return { over: "", name: nothing(ofPlants), probability };
  if (condition_id === UNKNOWN) return { over: "", name: species, probability };
  return { over: species, name: condition, probability };
}

// What it could be beside the answer: up to `count` of {over, name, probability}, and a heading.
export function others(row, count = 2) {
  const { rank, species_id, condition_id } = row.answer;
  if (rank === "not_a_plant") return null;
  if (rank === "unknown_species") return null;
  const shownAs = (one) => named(one, row.of_plants);
  if (rank === "species" && row.of_plants) {
    const own = row.conditions.filter((one) => one.species_id === species_id);
    const said = own.filter((one) => one.condition_id !== UNKNOWN).slice(0, count);
    return said.length ? { heading: "What it could have", list: said.map(shownAs) } : null;
  }
  const isAnswer = (one) =>
    one.species_id === species_id && (one.condition_id === condition_id || !row.of_plants);
  const list = row.conditions.filter((one) => !isAnswer(one));
  const shown = rank === "not_sure" ? count + 1 : count;
  const heading = rank === "not_sure" ? "What it could be" : "The next likeliest";
  return list.length ? { heading, list: list.slice(0, shown).map(shownAs) } : null;
}

// From which probability on the best guess of a row that is not sure would have been the answer: where
// there is nothing but classes, as otherwise that differs from condition to condition; else null.
export function leastSure({ answer, of_plants, species: [guess], source }, { labels, thresholds }) {
  if (of_plants || answer.rank !== "not_sure") return null;
  const index = labels.species.findIndex(({ species_id }) => species_id === guess.species_id);
  if (index < 0) return null; // a server's newer model
  const own = thresholds.species[index];
  const least = source === "browser" ? Math.max(own, thresholds.handover.species) : own;
  return least > 1 ? null : least;
}

const WHY = {
  sure: "Answered on this device",
  turned: "This device was not sure, so the server answered",
  alone: "Answered by the server",
  kept: "Looked at on this device and kept here",
  offline: "Looked at on this device; the server can\u2019t be reached",
  busy: "Looked at on this device; the server is busy",
  no_server: "Looked at on this device",
};

// Who answered, and how long it took.
export function whoAnswered(row, why) {
  const ms = Math.max(1, Math.round(row.timings.total_ms));
  const time = ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
  return `${WHY[why]}, in ${time}.`;
}
