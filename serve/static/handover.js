// Whether the browser's own answer stands, or the server is asked: the twin of export/handover.py.
import { REJECTIONS } from "./labels.js";

// `row` is the browser's. What its rejection rule turns away clearly stays at home; what it turns away
// so narrowly that the server's model might not, and what it is not sure enough of, is for the server.
export function stands(row, thresholds) {
  const { rank, probability } = row.answer;
  if (rank === "not_sure") return false;
  if (probability === null) return !isNarrow(row, thresholds);
  const { species, condition } = thresholds.handover;
  return probability >= (rank === "condition" ? condition : species);
}

function isNarrow({ answer, rejection }, thresholds) {
  const index = REJECTIONS.indexOf(answer.rank);
  return rejection[answer.rank] < thresholds.rejection[index] + thresholds.narrow[index];
}

// What is said where the browser's answer does not stand and nobody else can be asked.
export function unsure(row) {
  const nothing = { species_id: null, species: null, condition_id: null, condition: null };
  const probability = row.species[0].probability;
  return { ...row, answer: { rank: "not_sure", ...nothing, probability } };
}
