// The page's words about plants are its own text; of any other folders, such as beaches and mountains,
// it says these instead. In: whether the model is of plants. Out: the page's fixed texts.

const CLASSES = {
  heading: "What does this picture show?",
  lead: "One picture, in focus",
  "tip-1": "what it is about fills most of the picture,",
  "tip-2": "it is like the pictures that the model has learnt from,",
  "tip-3": "it is in focus and not too dark.",
  "none-at-hand": "No picture at hand? Try one of these",
  caution: "A computer can be wrong: look for yourself before you rely on it.",
  "which-species": "What it shows",
  "which-other": "Its name",
};

// Fills the elements that have `data-says`.
export function showSubject({ ofPlants }) {
  if (ofPlants) return;
  for (const one of document.querySelectorAll("[data-says]"))
    one.textContent = CLASSES[one.dataset.says];
  document.title = `Leaflake: ${CLASSES.heading.toLowerCase()}`;
  document.documentElement.dataset.of = "classes";
}
