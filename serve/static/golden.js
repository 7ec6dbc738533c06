// The bundle's golden pictures: for trying whether this browser computes what it should, and as
// examples for people.

// Beyond what the same files differed from PyTorch when the bundle was made: browsers' decoders
// round a level otherwise now and then.
const MORE = 0.05;
const UNMEASURED = 0.1;

// -> [{picture, label, species: S log-probabilities, joint: C, rejection: 2}]; empty if the bundle has
// none, null if they can't be fetched. Where the server's graphs look at the leaf alone, `whole` has
// the last three about the whole picture, which is what this browser's model sees.
export async function fetchGolden(bundle, { files }) {
  if (!files["golden/answers.json"]) return [];
  try {
    return await (await fetch(new URL("golden/answers.json", bundle))).json();
  } catch {
    return null; // no network, or an error page in its place
  }
}

// The most that a probability may differ here.
export function tolerance({ figures }) {
  const measured = figures.files?.["browser/model.json"]?.golden?.largest_difference;
  return measured === undefined ? UNMEASURED : measured + MORE;
}

// What is wrong with what was `said` of a golden picture, as half a sentence; null if nothing is.
export function fault(said, golden, thresholds, most) {
  const { joint, rejection } = golden.whole ?? golden;
  const expected = joint.map(Math.exp);
  const differences = expected.map((each, i) => Math.abs(each - said.joint[i]));
  if (!differences.every((each) => each <= most)) {
    // also where one is no number
    return `a probability of ${golden.picture} differs by ${Math.max(...differences).toFixed(2)}`;
  }
  const rejects = (scores) => scores.map((score, i) => score >= thresholds.rejection[i]).join();
  if (rejects(said.rejection) !== rejects(rejection)) {
    return `${golden.picture} is turned away otherwise`;
  }
  return null;
}

// Up to `count` golden pictures of different plants, spread over the list, and one of no plant.
export function chooseExamples(golden, count) {
  const plant = ({ label }) => label.split("/")[0];
  const different = golden.filter(
    (one, i) => golden.findIndex((o) => plant(o) === plant(one)) === i,
  );
  const others = different.filter((one) => !one.label.includes("/"));
  const plants = different.filter((one) => one.label.includes("/"));
  const places = Math.min(count - Math.min(1, others.length), plants.length);
  const spread = Array.from(
    { length: places },
    (_, i) => plants[Math.floor((i * plants.length) / places)],
  );
  return [...spread, ...others.slice(0, 1)];
}
