// What a bundle can answer and what it takes, from its manifest: the twin of serve/labels.py.
// Everything is laid out as the model's outputs are.

export const NO_PLANT = "no_plant"; // species id of pictures that show no plant
export const UNKNOWN = "unknown"; // condition id that tells a person nothing
const SAY_NOTHING = [UNKNOWN, "background"]; // export/manifest.py
export const REJECTIONS = ["not_a_plant", "unknown_species"];
export const BROWSER_MODEL = "browser/model.json";

// -> { species: [{species_id, species, scientific}] of length S,
//      classes: [{speciesIndex, species_id, species, condition_id, condition, cause}] of length C,
//      ofPlants: false where it is of anything else, such as beaches and mountains }
export function readLabels({ species }) {
  return {
    species: species.map(({ species_id, name, scientific }) => ({
      species_id,
      species: name,
      scientific,
    })),
    classes: species.flatMap((one, speciesIndex) =>
      one.conditions.map(({ condition_id, name, cause }) => ({
        speciesIndex,
        species_id: one.species_id,
        species: one.name,
        condition_id,
        condition: name,
        cause,
      })),
    ),
    ofPlants: species.some(
      ({ scientific, conditions }) =>
        scientific || conditions.some(({ condition_id }) => !SAY_NOTHING.includes(condition_id)),
    ),
  };
}

// How far a rejection score may be off, as export/parity.py measures it, where nobody measured it.
const UNMEASURED = 0.2;

// -> { species: S numbers, condition: C numbers, rejection: 2 numbers, narrow: 2 numbers,
//      handover: {species, condition} }
// `narrow` is by how much the browser's rejection scores may be off: the most that they were when
// the bundle was made. A bundle without a browser's model has no hand-over.
export function readThresholds({ thresholds, rejection, figures }) {
  const { species, condition, target, handover } = thresholds;
  const least = REJECTIONS.map((name) => rejection[name].threshold);
  const off = figures.files?.[BROWSER_MODEL]?.test?.rejection_difference ?? UNMEASURED;
  return {
    species,
    condition,
    rejection: least,
    narrow: least.map((threshold) => off * (1 + Math.abs(threshold))),
    handover: handover ?? { species: target, condition: target },
  };
}
