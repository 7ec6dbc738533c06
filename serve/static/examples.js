// Example pictures: golden ones of the bundle, whose true labels are known.
import { $, element } from "./dom.js";
import { chooseExamples } from "./golden.js";
import { named, nothing } from "./words.js";

const COUNT = 6;

// `take(picture, label)` gets the one that was clicked, with a sentence about what it shows.
export function showExamples(golden, bundle, labels, take) {
  const chosen = chooseExamples(golden, COUNT);
  $("examples").hidden = chosen.length === 0;
  $("examples-list").replaceChildren(
    ...chosen.map(({ picture, label }, index) => {
      const image = element("img");
      const src = new URL(`golden/${picture}`, bundle);
      Object.assign(image, {
        src,
        alt: `Example ${index + 1}`,
        loading: "lazy",
        decoding: "async",
      });
      const choose = element("button", "example", image);
      choose.type = "button";
      choose.addEventListener("click", async () => {
        const response = await fetch(src);
        take(await response.blob(), sentence(label, labels));
      });
      return element("li", "", choose);
    }),
  );
}

function sentence(label, labels) {
  const [species, condition] = label.split("/");
  const found = labels.classes.find(
    (one) => one.species_id === species && one.condition_id === condition,
  );
  const { over, name } = found
    ? named(found, labels.ofPlants)
    : { over: "", name: nothing(labels.ofPlants) };
  return `This is an example. Its label says: ${over ? `${over}, ${name}` : name}.`;
}
