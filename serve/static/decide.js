// From probabilities to an answer: the deepest node of the label tree that is sure enough. The twin
// of serve/answer.py, and tested to give the same rows; see there for the reasons.
import { NO_PLANT, REJECTIONS, UNKNOWN } from "./labels.js";

export const TOP = 5; // species and conditions in a row

// `said` is { species: S probabilities, joint: C probabilities, rejection: 2 scores }.
// -> { kind, best: index of the likeliest species, classIndex or null, probability or null }
export function decide(said, labels, thresholds, reject = true) {
  const best = likeliest(said.species, said.species.keys());
  const isPlant = labels.species[best].species_id !== NO_PLANT;
  for (const [index, kind] of REJECTIONS.entries()) {
    const rejected = said.rejection[index] >= thresholds.rejection[index];
    if (reject && rejected && (isPlant || kind === "not_a_plant")) {
      return { kind, best, classIndex: null, probability: null };
    }
  }
  const probability = said.species[best];
  const inside = [...labels.classes.keys()].filter((i) => labels.classes[i].speciesIndex === best);
  const classIndex = likeliest(said.joint, inside);
  const joint = said.joint[classIndex];
  const saysSomething = isPlant && labels.classes[classIndex].condition_id !== UNKNOWN;
  if (saysSomething && joint >= thresholds.condition[classIndex]) {
    return { kind: "condition", best, classIndex, probability: joint };
  }
  const kind =
    probability < thresholds.species[best] ? "not_sure" : isPlant ? "species" : "not_a_plant";
  return { kind, best, classIndex: null, probability };
}

// The row that a page shows: the shape of the server's, less source, timings and request_id.
export function answerRow(said, labels, thresholds, model, { top = TOP, reject = true } = {}) {
  const { kind, best, classIndex, probability } = decide(said, labels, thresholds, reject);
  const named = kind === "species" || kind === "condition";
  const label = classIndex === null ? null : labels.classes[classIndex];
  return {
    answer: {
      rank: kind,
      species_id: named ? labels.species[best].species_id : null,
      species: named ? labels.species[best].species : null,
      condition_id: label?.condition_id ?? null,
      condition: label?.condition ?? null,
      probability,
    },
    species: falling(said.species)
      .slice(0, top)
      .map((i) => ({ ...labels.species[i], probability: said.species[i] })),
    conditions: falling(said.joint)
      .slice(0, top)
      .map((i) => condition(labels.classes[i], said.joint[i])),
    rejection: Object.fromEntries(REJECTIONS.map((name, i) => [name, said.rejection[i]])),
    of_plants: labels.ofPlants,
    model,
  };
}

const condition = ({ species_id, species, condition_id, condition }, probability) => ({
  species_id,
  species,
  condition_id,
  condition,
  probability,
});

// Among several that are equal, the first.
function likeliest(values, indices) {
  let found = null;
  for (const index of indices) if (found === null || values[index] > values[found]) found = index;
  return found;
}

// Indices by falling value, equal ones in order: `sort` is stable.
const falling = (values) => [...values.keys()].sort((one, other) => values[other] - values[one]);
